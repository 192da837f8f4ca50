/* attention_plan.c - see attention_plan.h: cuDNN's operation for scaled dot product attention. Which engines are taken is said
 * in cudnn_plan.c. */
#include "cuda/attention_plan.h"

#include <stdlib.h>

#include "cuda/cudnn_plan.h"

_Static_assert(sizeof(hf_attention_shape) == 6 * sizeof(int64_t) + 2 * sizeof(int32_t), "compared as bytes");

/* The first version of cuDNN that has the operation. */
enum { FIRST_VERSION = 91301 };

/* The names by which a variant pack tells arrays from each other. */
enum { NAME_Q = 1, NAME_K, NAME_V, NAME_OUT, NAME_SCALE, N_NAMES = NAME_SCALE };

struct hf_attention_plan {
    hf_cudnn_plan            ways;
    cudnnBackendDescriptor_t pack;   /* the arrays of the last run, */
    hf_attention_arrays      packed; /* which it was made for; it points to packed.scale */
};

#if CUDNN_VERSION >= 91301
/* q, k, v or out: its heads' rows, of a matrix [length,channels] for each picture. */
static int rows_new(hf_cudnn_graph *g, cudnnBackendDescriptor_t *out, int64_t name, const hf_attention_shape *s,
                    int64_t length, hf_error *err)
{
    const hf_cudnn_array array = {
        .name = name, .dtype = s->type, .align = s->align, .kind = HF_CUDNN_IN_MEMORY,
        .dims = { s->n, s->n_heads, length, s->d }, .strides = { length * s->channels, s->d, s->channels, 1 },
    };
    return hf_cudnn_tensor(g, out, &array, err);
}

static int graph_make(hf_cudnn_graph *g, cudnnHandle_t handle, const hf_attention_shape *s, hf_error *err)
{
    const hf_cudnn_array number = { .name = NAME_SCALE, .dtype = HF_F32, .align = sizeof(float), .kind = HF_CUDNN_BY_VALUE,
                                    .dims = { 1, 1, 1, 1 }, .strides = { 1, 1, 1, 1 } };
    cudnnBackendDescriptor_t q, k, v, out, scale, operation;
    int rc;
    if ((rc = rows_new(g, &q, NAME_Q, s, s->l_q, err)) < 0 || (rc = rows_new(g, &k, NAME_K, s, s->l_k, err)) < 0 ||
        (rc = rows_new(g, &v, NAME_V, s, s->l_k, err)) < 0 || (rc = rows_new(g, &out, NAME_OUT, s, s->l_q, err)) < 0 ||
        (rc = hf_cudnn_tensor(g, &scale, &number, err)) < 0 ||
        (rc = hf_cudnn_part(g, &operation, CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR, err)) < 0 ||
        (rc = hf_cudnn_set(operation, CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &q, err)) < 0 ||
        (rc = hf_cudnn_set(operation, CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &k, err)) < 0 ||
        (rc = hf_cudnn_set(operation, CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &v, err)) < 0 ||
        (rc = hf_cudnn_set(operation, CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &out, err)) < 0 ||
        (rc = hf_cudnn_set(operation, CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &scale,
                           err)) < 0 ||
        (rc = HF_CUDNN(cudnnBackendFinalize(operation), err)) < 0)
        return rc;
    return hf_cudnn_graph_finish(g, handle, &operation, 1, err);
}
#else
static int graph_make(hf_cudnn_graph *g, cudnnHandle_t handle, const hf_attention_shape *s, hf_error *err)
{
    (void)g, (void)handle, (void)s;
    return hf_fail(err, HF_EUNSUPPORTED, "cuda: built with a cuDNN that has no attention");
}
#endif

int hf_attention_plan_new(hf_attention_plan **out, hf_cudnn_library *library, const hf_attention_shape *shape,
                          size_t max_workspace, int n_candidates, hf_error *err)
{
    hf_attention_plan *p;
    int rc;
    *out = NULL;
    if (cudnnGetVersion() < FIRST_VERSION)
        return hf_fail(err, HF_EUNSUPPORTED, "cuda: cuDNN %zu has no attention", cudnnGetVersion());
    if (!(p = calloc(1, sizeof(*p))))
        return hf_fail(err, HF_ENOMEM, "cuda: out of memory");
    p->ways = (hf_cudnn_plan){ .library = library, .in = shape->type, .n_wanted = n_candidates,
                               .max_workspace = max_workspace };
    if ((rc = graph_make(&p->ways.graph, library->handle, shape, err)) < 0 ||
        (rc = hf_cudnn_plan_find(&p->ways, "attention", err)) < 0)
        hf_attention_plan_free(&p);
    *out = p;
    return rc;
}

void hf_attention_plan_free(hf_attention_plan **plan)
{
    hf_attention_plan *p = *plan;
    if (!p)
        return;
    hf_cudnn_pack_free(&p->pack);
    hf_cudnn_plan_free(&p->ways);
    free(p);
    *plan = NULL;
}

int hf_attention_plan_candidates(const hf_attention_plan *p) { return p->ways.n_candidates; }

void hf_attention_plan_choose(hf_attention_plan *p, int candidate) { p->ways.chosen = candidate; }

size_t hf_attention_plan_workspace(const hf_attention_plan *p) { return hf_cudnn_plan_workspace(&p->ways); }

void hf_attention_plan_describe(const hf_attention_plan *p, char *text, size_t size)
{
    hf_cudnn_plan_describe(&p->ways, text, size);
}

static bool same_arrays(const hf_attention_arrays *a, const hf_attention_arrays *b)
{
    return a->out == b->out && a->q == b->q && a->k == b->k && a->v == b->v && a->scale == b->scale &&
           a->workspace == b->workspace;
}

int hf_attention_plan_run(hf_attention_plan *p, const hf_attention_arrays *arrays, hf_error *err)
{
    int rc;
    if (!p->pack || !same_arrays(&p->packed, arrays)) {
        hf_attention_arrays *x = &p->packed;
        hf_cudnn_pack_free(&p->pack);
        *x = *arrays;
        void *data[N_NAMES] = { (void *)x->q, (void *)x->k, (void *)x->v, x->out, &x->scale };
        int64_t names[N_NAMES] = { NAME_Q, NAME_K, NAME_V, NAME_OUT, NAME_SCALE };
        if ((rc = hf_cudnn_pack_new(&p->pack, N_NAMES, data, names, x->workspace, err)) < 0)
            return rc;
    }
    return hf_cudnn_plan_run(&p->ways, p->pack, err);
}
