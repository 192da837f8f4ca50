/* matrix.c - see matrix.h: the store of plans, their timing, and the workspace. */
#include "cuda/matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum plan_kind { GEMM, CONV, ATTENTION } plan_kind;

typedef union plan_shape {
    hf_gemm_shape      gemm;
    hf_conv_shape      conv;
    hf_attention_shape attention;
} plan_shape;

/* Of the plan's kind; the others are NULL. */
typedef struct plan_arrays {
    const hf_gemm_arrays      *gemm;
    const hf_conv_arrays      *conv;
    const hf_attention_arrays *attention;
} plan_arrays;

struct hf_cuda_plan {
    plan_kind     kind;
    plan_shape    shape;
    hf_gemm_plan *gemm; /* of its kind; NULL where the library cannot do the shape */
    hf_conv_plan *conv;
    hf_attention_plan *attention;
    bool          timed;
    float         milliseconds; /* of the chosen candidate, 0 where there was no choice to make */
    char          why[160];     /* why there is none */
    hf_cuda_way   way;          /* where there are two */
    float         way_ms[2];    /* of the library's way and of our own, where they were timed */
};

typedef struct block {
    void  *data;
    size_t bytes;
    bool   captured; /* a CUDA graph knows its address */
} block;

/* Blocks that captures have seen; a network captures a few graphs, and each of them after its plans were made. */
enum { MOST_BLOCKS = 32 };

struct hf_cuda_matrix {
    hf_backend      *be; /* borrowed */
    hf_gemm_library *gemm;
    hf_cudnn_library *cudnn;
    hf_cuda_plan   **plans;
    int              n_plans, room;
    int              n_tried; /* candidates that are timed; 1: none */
    hf_cuda_way      ways[HF_CUDA_N_CHOICES]; /* of every plan, OPEN: each has its own */
    block            blocks[MOST_BLOCKS]; /* the last one is in use */
    int              n_blocks;
};

static int tried_candidates(void)
{
    const char *text = getenv("HFPROP_CUDA_TUNE");
    int n = text ? atoi(text) : 0;
    return n < 1 ? 1 : n > HF_CUDA_MOST_CANDIDATES ? HF_CUDA_MOST_CANDIDATES : n;
}

/* What the environment wants, else a timing if there is one, else `preset`. */
static hf_cuda_way way_of(const char *variable, int n_tried, hf_cuda_way preset)
{
    const char *text = getenv(variable);
    if (text && strcmp(text, "own") == 0)
        return HF_CUDA_OWN;
    if (text && strcmp(text, "library") == 0)
        return HF_CUDA_LIBRARY;
    return n_tried > 1 ? HF_CUDA_OPEN : preset;
}

static void choose_ways(hf_cuda_matrix *m, int arch)
{
    m->ways[HF_CUDA_GEGLU] = way_of("HFPROP_CUDA_GEGLU", m->n_tried, arch >= 80 && arch < 90 ? HF_CUDA_OWN : HF_CUDA_LIBRARY);
    m->ways[HF_CUDA_ATTENTION] = way_of("HFPROP_CUDA_ATTENTION", m->n_tried, HF_CUDA_OWN);
}

int hf_cuda_matrix_get(hf_backend *be, hf_cuda_matrix **out, hf_error *err)
{
    hf_cuda *cuda = hf_cuda_of(be);
    if (!cuda->matrix) {
        hf_cuda_matrix *m = calloc(1, sizeof(*m));
        if (!m)
            return hf_fail(err, HF_ENOMEM, "cuda: out of memory");
        m->be = be;
        m->n_tried = tried_candidates();
        choose_ways(m, cuda->arch);
        cuda->matrix = m;
    }
    *out = cuda->matrix;
    return HF_OK;
}

void hf_cuda_matrix_free(hf_cuda_matrix **matrix)
{
    hf_cuda_matrix *m = *matrix;
    if (!m)
        return;
    for (int i = 0; i < m->n_plans; i++) {
        hf_gemm_plan_free(&m->plans[i]->gemm);
        hf_conv_plan_free(&m->plans[i]->conv);
        hf_attention_plan_free(&m->plans[i]->attention);
        free(m->plans[i]);
    }
    free(m->plans);
    for (int i = 0; i < m->n_blocks; i++)
        m->be->ops.free(m->be, m->blocks[i].data);
    hf_cudnn_close(&m->cudnn);
    hf_gemm_close(&m->gemm);
    free(m);
    *matrix = NULL;
}

/* Room for one more plan, outside of captures: making one loads kernels, which a capture does not allow. */
static int plan_new(hf_backend *be, hf_cuda_plan **out, hf_error *err)
{
    hf_cuda_matrix *m = hf_cuda_of(be)->matrix;
    *out = NULL;
    if (hf_cuda_of(be)->is_recording)
        return hf_fail(err, HF_EDEVICE, "cuda: a new shape while a CUDA graph is captured: run once before");
    if (m->n_plans == m->room) {
        int room = m->room ? 2 * m->room : 64;
        hf_cuda_plan **plans = realloc(m->plans, (size_t)room * sizeof(*plans));
        if (!plans)
            return hf_fail(err, HF_ENOMEM, "cuda: out of memory");
        m->plans = plans;
        m->room = room;
    }
    if (!(*out = calloc(1, sizeof(**out))))
        return hf_fail(err, HF_ENOMEM, "cuda: out of memory");
    return HF_OK;
}

/* Keep a plan, also the knowledge that there is none: rc is what its making returned. */
static int plan_keep(hf_cuda_matrix *m, hf_cuda_plan *plan, int rc, const hf_error *found, hf_error *err)
{
    if (rc < 0 && rc != HF_EUNSUPPORTED) {
        if (err)
            *err = *found;
        free(plan);
        return rc;
    }
    if (rc < 0)
        cudaGetLastError(); /* what a library tried in vain is no error of the next call */
    plan->timed = rc < 0 || m->n_tried == 1;
    snprintf(plan->why, sizeof(plan->why), "%.150s", rc < 0 ? found->text : "");
    m->plans[m->n_plans++] = plan;
    return HF_OK;
}

/* The plan of a shape, also one that only knows that there is none; NULL: a new shape. A hundred plans or two, compared
 * byte by byte: some microseconds, and nothing at all once a graph is captured. */
static hf_cuda_plan *find_plan(const hf_cuda_matrix *m, plan_kind kind, const void *shape, size_t size)
{
    for (int i = 0; i < m->n_plans; i++)
        if (m->plans[i]->kind == kind && memcmp(&m->plans[i]->shape, shape, size) == 0)
            return m->plans[i];
    return NULL;
}

static int open_library(hf_backend *be, hf_cuda_matrix *m, plan_kind kind, hf_error *err)
{
    if (kind == GEMM)
        return m->gemm ? HF_OK : hf_gemm_open(&m->gemm, err);
    return m->cudnn ? HF_OK : hf_cudnn_open(&m->cudnn, hf_cuda_of(be)->stream, err);
}

/* The library's part of a plan whose kind and shape are known. */
static int ask_library(hf_cuda_matrix *m, hf_cuda_plan *p, hf_error *err)
{
    switch (p->kind) {
    case GEMM: return hf_gemm_plan_new(&p->gemm, m->gemm, &p->shape.gemm, HF_CUDA_GEMM_WORKSPACE, m->n_tried, err);
    case CONV: return hf_conv_plan_new(&p->conv, m->cudnn, &p->shape.conv, HF_CUDA_CONV_WORKSPACE, m->n_tried, err);
    default: return hf_attention_plan_new(&p->attention, m->cudnn, &p->shape.attention, HF_CUDA_GEMM_WORKSPACE, m->n_tried, err);
    }
}

static bool is_possible(const hf_cuda_plan *p) { return p->gemm || p->conv || p->attention; }

/* shape: one of plan_shape, of `size` bytes. */
static int plan_of(hf_backend *be, hf_cuda_plan **out, plan_kind kind, const void *shape, size_t size, hf_error *err)
{
    hf_cuda_matrix *m = NULL;
    hf_cuda_plan *p;
    hf_error found = { 0 };
    int rc;
    *out = NULL;
    if ((rc = hf_cuda_matrix_get(be, &m, err)) < 0)
        return rc;
    if (!(p = find_plan(m, kind, shape, size))) {
        if ((rc = open_library(be, m, kind, err)) < 0 || (rc = plan_new(be, &p, err)) < 0)
            return rc;
        p->kind = kind;
        memcpy(&p->shape, shape, size);
        rc = ask_library(m, p, &found);
        if ((rc = plan_keep(m, p, rc, &found, err)) < 0)
            return rc;
    }
    *out = is_possible(p) ? p : NULL;
    return HF_OK;
}

int hf_cuda_gemm_plan(hf_backend *be, hf_cuda_plan **out, const hf_gemm_shape *shape, hf_error *err)
{
    return plan_of(be, out, GEMM, shape, sizeof(*shape), err);
}

int hf_cuda_conv_plan(hf_backend *be, hf_cuda_plan **out, const hf_conv_shape *shape, hf_error *err)
{
    return plan_of(be, out, CONV, shape, sizeof(*shape), err);
}

int hf_cuda_attention_plan(hf_backend *be, hf_cuda_plan **out, const hf_attention_shape *shape, hf_error *err)
{
    return plan_of(be, out, ATTENTION, shape, sizeof(*shape), err);
}

static int candidates_of(const hf_cuda_plan *p)
{
    switch (p->kind) {
    case GEMM: return hf_gemm_plan_candidates(p->gemm);
    case CONV: return hf_conv_plan_candidates(p->conv);
    default: return hf_attention_plan_candidates(p->attention);
    }
}

static void choose(const hf_cuda_plan *p, int candidate)
{
    switch (p->kind) {
    case GEMM: hf_gemm_plan_choose(p->gemm, candidate); break;
    case CONV: hf_conv_plan_choose(p->conv, candidate); break;
    default: hf_attention_plan_choose(p->attention, candidate); break;
    }
}

static size_t chosen_workspace(const hf_cuda_plan *p)
{
    switch (p->kind) {
    case GEMM: return hf_gemm_plan_workspace(p->gemm);
    case CONV: return hf_conv_plan_workspace(p->conv);
    default: return hf_attention_plan_workspace(p->attention);
    }
}

size_t hf_cuda_plan_workspace(const hf_cuda_plan *p)
{
    size_t most = 0;
    if (p->timed)
        return chosen_workspace(p);
    for (int i = 0; i < candidates_of(p); i++) {
        choose(p, i);
        size_t bytes = chosen_workspace(p);
        most = bytes > most ? bytes : most;
    }
    choose(p, 0);
    return most;
}

static int run(hf_backend *be, hf_cuda_plan *p, const plan_arrays *arrays, hf_error *err)
{
    switch (p->kind) {
    case GEMM: return hf_gemm_plan_run(p->gemm, arrays->gemm, hf_cuda_of(be)->stream, err);
    case CONV: return hf_conv_plan_run(p->conv, arrays->conv, err);
    default: return hf_attention_plan_run(p->attention, arrays->attention, err);
    }
}

int hf_cuda_time(hf_backend *be, float *milliseconds, int (*run)(void *work, hf_error *err), void *work, hf_error *err)
{
    enum { RUNS = 3 };
    cudaStream_t stream = hf_cuda_of(be)->stream;
    cudaEvent_t begin = NULL, end = NULL;
    int rc;
    if ((rc = HF_CUDA(cudaEventCreate(&begin), err)) < 0 || (rc = HF_CUDA(cudaEventCreate(&end), err)) < 0 ||
        (rc = run(work, err)) < 0 || (rc = HF_CUDA(cudaEventRecord(begin, stream), err)) < 0)
        goto end;
    for (int i = 0; i < RUNS && rc >= 0; i++)
        rc = run(work, err);
    if (rc < 0 || (rc = HF_CUDA(cudaEventRecord(end, stream), err)) < 0 ||
        (rc = HF_CUDA(cudaEventSynchronize(end), err)) < 0)
        goto end;
    rc = HF_CUDA(cudaEventElapsedTime(milliseconds, begin, end), err);
    *milliseconds /= RUNS;
end:
    if (begin)
        cudaEventDestroy(begin);
    if (end)
        cudaEventDestroy(end);
    return rc;
}

/* A plan and its arrays, for hf_cuda_time. */
typedef struct plan_work {
    hf_backend        *be;
    hf_cuda_plan      *plan;
    const plan_arrays *arrays;
} plan_work;

static int run_work(void *work, hf_error *err)
{
    plan_work *w = work;
    return run(w->be, w->plan, w->arrays, err);
}

/* Choose the fastest candidate; the library's first, unless another is clearly faster: timings of a shared GPU waver. */
static int time_plan(hf_backend *be, hf_cuda_plan *p, const plan_arrays *arrays, hf_error *err)
{
    const float clearly = 0.97f;
    bool reads_out = (p->kind == CONV && arrays->conv->residual == arrays->conv->out) ||
                     (p->kind == GEMM && arrays->gemm->c == arrays->gemm->out);
    plan_work work = { be, p, arrays };
    int best = 0, rc = HF_OK;
    p->timed = true;
    if (hf_cuda_of(be)->is_recording || reads_out)
        return HF_OK;
    for (int i = 0; i < candidates_of(p) && rc >= 0; i++) {
        float milliseconds = 0;
        choose(p, i);
        if ((rc = hf_cuda_time(be, &milliseconds, run_work, &work, err)) < 0)
            break;
        if (i == 0 || milliseconds < p->milliseconds * clearly) {
            best = i;
            p->milliseconds = milliseconds;
        }
    }
    choose(p, best);
    return rc;
}

static int timed_run(hf_backend *be, hf_cuda_plan *plan, const plan_arrays *arrays, hf_error *err)
{
    int rc = plan->timed ? HF_OK : time_plan(be, plan, arrays, err);
    return rc < 0 ? rc : run(be, plan, arrays, err);
}

int hf_cuda_gemm_run(hf_backend *be, hf_cuda_plan *plan, const hf_gemm_arrays *arrays, hf_error *err)
{
    return timed_run(be, plan, &(plan_arrays){ .gemm = arrays }, err);
}

int hf_cuda_conv_run(hf_backend *be, hf_cuda_plan *plan, const hf_conv_arrays *arrays, hf_error *err)
{
    return timed_run(be, plan, &(plan_arrays){ .conv = arrays }, err);
}

int hf_cuda_attention_run(hf_backend *be, hf_cuda_plan *plan, const hf_attention_arrays *arrays, hf_error *err)
{
    return timed_run(be, plan, &(plan_arrays){ .attention = arrays }, err);
}

hf_cuda_way hf_cuda_way_of(hf_backend *be, hf_cuda_choice choice, const hf_cuda_plan *plan)
{
    const hf_cuda_matrix *m = hf_cuda_of(be)->matrix;
    return plan && m->ways[choice] == HF_CUDA_OPEN ? plan->way : m->ways[choice];
}

void hf_cuda_choose_way(hf_cuda_plan *plan, float library, float own)
{
    plan->way = own < library ? HF_CUDA_OWN : HF_CUDA_LIBRARY;
    plan->way_ms[0] = library;
    plan->way_ms[1] = own;
}

/* A block of at least `bytes` becomes the one in use. */
static int grow(hf_backend *be, hf_cuda_matrix *m, size_t bytes, hf_error *err)
{
    const size_t grain = (size_t)1 << 20; /* many small shapes, few blocks */
    block *last = m->n_blocks ? &m->blocks[m->n_blocks - 1] : NULL;
    block made = { .bytes = (bytes + grain - 1) / grain * grain };
    if (last && !last->captured) { /* given back first: there may be no room for both */
        be->ops.free(be, last->data);
        m->n_blocks--;
    } else if (m->n_blocks == MOST_BLOCKS) {
        return hf_fail(err, HF_ENOMEM, "cuda: the workspace grew %d times while graphs were captured", MOST_BLOCKS);
    }
    if (!(made.data = be->ops.alloc(be, made.bytes)))
        return hf_fail(err, HF_ENOMEM, "cuda: out of GPU memory for a workspace of %zu bytes; a smaller --size or --batch "
                       "needs less", made.bytes);
    m->blocks[m->n_blocks++] = made;
    return HF_OK;
}

int hf_cuda_workspace(hf_backend *be, void **out, size_t bytes, hf_error *err)
{
    bool captured = hf_cuda_of(be)->is_recording;
    hf_cuda_matrix *m = NULL;
    int rc;
    *out = NULL;
    if ((rc = hf_cuda_matrix_get(be, &m, err)) < 0 || !bytes)
        return rc;
    if (!m->n_blocks || m->blocks[m->n_blocks - 1].bytes < bytes) {
        if (captured)
            return hf_fail(err, HF_EDEVICE, "cuda: a larger workspace while a CUDA graph is captured: run once before");
        if ((rc = grow(be, m, bytes, err)) < 0)
            return rc;
    }
    block *b = &m->blocks[m->n_blocks - 1];
    b->captured = b->captured || captured;
    *out = b->data;
    return HF_OK;
}

static const char *type_name(int32_t dtype)
{
    return dtype == HF_F16 ? "f16" : dtype == HF_BF16 ? "bf16" : "f32";
}

static int shape_text(const hf_cuda_plan *p, char *text, size_t size)
{
    const hf_gemm_shape *g = &p->shape.gemm;
    const hf_conv_shape *c = &p->shape.conv;
    const hf_attention_shape *a = &p->shape.attention;
    if (p->kind == GEMM)
        return snprintf(text, size, "gemm %lldx%lldx%lld batch %lld%s%s %s->%s%s%s activation %d: ", (long long)g->m,
                        (long long)g->n, (long long)g->k, (long long)g->batch, g->transpose_a ? " at" : "",
                        g->transpose_b ? " bt" : "", type_name(g->in), type_name(g->out), g->bias ? " bias" : "",
                        g->c ? " residual" : "", g->activation);
    if (p->kind == ATTENTION)
        return snprintf(text, size, "attention %lld of %lld heads of %lld, %lld queries, %lld keys, %s: ", (long long)a->n,
                        (long long)a->n_heads, (long long)a->d, (long long)a->l_q, (long long)a->l_k, type_name(a->type));
    return snprintf(text, size, "conv %lldx%lldx%lldx%lld to %lld, %lldx%lld stride %d %s->%s%s%s activation %d: ",
                    (long long)c->n, (long long)c->h, (long long)c->w, (long long)c->c, (long long)c->n_out,
                    (long long)c->kernel_h, (long long)c->kernel_w, c->stride, type_name(c->in), type_name(c->out),
                    c->bias ? " bias" : "", c->residual ? " residual" : "", c->activation);
}

static void describe(const hf_cuda_plan *p, char *text, size_t size)
{
    switch (p->kind) {
    case GEMM: hf_gemm_plan_describe(p->gemm, text, size); break;
    case CONV: hf_conv_plan_describe(p->conv, text, size); break;
    default: hf_attention_plan_describe(p->attention, text, size); break;
    }
}

bool hf_cuda_plan_text(hf_backend *be, int i, char *text, size_t size)
{
    hf_cuda_matrix *m = hf_cuda_of(be)->matrix;
    char way[160];
    if (!m || i < 0 || i >= m->n_plans)
        return false;
    const hf_cuda_plan *p = m->plans[i];
    int end = shape_text(p, text, size);
    size_t at = end < 0 || (size_t)end > size ? size : (size_t)end;
    if (!is_possible(p)) {
        snprintf(text + at, size - at, "none: %s", p->why);
        return true;
    }
    describe(p, way, sizeof(way));
    int more = snprintf(text + at, size - at, "%s, workspace %zu bytes, %.4f ms", way, chosen_workspace(p),
                        (double)p->milliseconds);
    if (p->way != HF_CUDA_OPEN && more > 0 && (size_t)more < size - at)
        snprintf(text + at + more, size - at - (size_t)more, ", %s %.4f ms, by the own kernel %.4f ms",
                 p->kind == ATTENTION ? "attention" : "GEGLU", (double)p->way_ms[0], (double)p->way_ms[1]);
    return true;
}
