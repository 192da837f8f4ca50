/* conv_plan.c - see conv_plan.h: convolutions by cuDNN. Which engines are taken is said in cudnn_plan.c. */
#include <stdlib.h>
#include <string.h>

#include "cuda/conv_graph.h"
#include "cuda/cudnn_plan.h"

_Static_assert(sizeof(hf_conv_shape) == 9 * sizeof(int64_t) + 12 * sizeof(int32_t), "compared as bytes");

struct hf_conv_plan {
    hf_cudnn_plan            ways;
    cudnnBackendDescriptor_t pack;   /* the arrays of the last run, and the plan for which it was made: */
    hf_conv_arrays           packed; /* a network gives the same ones every time */
};

int hf_conv_plan_new(hf_conv_plan **out, hf_cudnn_library *library, const hf_conv_shape *shape, size_t max_workspace,
                     int n_candidates, hf_error *err)
{
    hf_conv_plan *p = calloc(1, sizeof(*p));
    int rc;
    *out = NULL;
    if (!p)
        return hf_fail(err, HF_ENOMEM, "cuda: out of memory");
    p->ways = (hf_cudnn_plan){ .library = library, .in = shape->in, .n_wanted = n_candidates,
                               .max_workspace = max_workspace };
    if ((rc = hf_conv_graph_make(&p->ways.graph, library->handle, shape, err)) < 0 ||
        (rc = hf_cudnn_plan_find(&p->ways, "a convolution", err)) < 0)
        hf_conv_plan_free(&p);
    *out = p;
    return rc;
}

void hf_conv_plan_free(hf_conv_plan **plan)
{
    hf_conv_plan *p = *plan;
    if (!p)
        return;
    hf_cudnn_pack_free(&p->pack);
    hf_cudnn_plan_free(&p->ways);
    free(p);
    *plan = NULL;
}

int hf_conv_plan_candidates(const hf_conv_plan *p) { return p->ways.n_candidates; }

void hf_conv_plan_choose(hf_conv_plan *p, int candidate) { p->ways.chosen = candidate; }

size_t hf_conv_plan_workspace(const hf_conv_plan *p) { return hf_cudnn_plan_workspace(&p->ways); }

void hf_conv_plan_describe(const hf_conv_plan *p, char *text, size_t size)
{
    hf_cudnn_plan_describe(&p->ways, text, size);
}

static int pack_new(cudnnBackendDescriptor_t *out, const hf_conv_arrays *x, hf_error *err)
{
    void *data[5] = { (void *)x->x, (void *)x->weight, x->out };
    int64_t names[5] = { HF_CONV_X, HF_CONV_WEIGHT, HF_CONV_OUT };
    int64_t n = 3;
    if (x->bias) {
        data[n] = (void *)x->bias;
        names[n++] = HF_CONV_BIAS;
    }
    if (x->residual) {
        data[n] = (void *)x->residual;
        names[n++] = HF_CONV_RESIDUAL;
    }
    return hf_cudnn_pack_new(out, n, data, names, x->workspace, err);
}

static bool same_arrays(const hf_conv_arrays *a, const hf_conv_arrays *b)
{
    return a->out == b->out && a->x == b->x && a->weight == b->weight && a->bias == b->bias &&
           a->residual == b->residual && a->workspace == b->workspace;
}

int hf_conv_plan_run(hf_conv_plan *p, const hf_conv_arrays *arrays, hf_error *err)
{
    int rc;
    if (!p->pack || !same_arrays(&p->packed, arrays)) {
        hf_cudnn_pack_free(&p->pack);
        if ((rc = pack_new(&p->pack, arrays, err)) < 0)
            return rc;
        p->packed = *arrays;
    }
    return hf_cudnn_plan_run(&p->ways, p->pack, err);
}
