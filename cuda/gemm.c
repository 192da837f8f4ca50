/* gemm.c - see gemm.h: cuBLASLt.
 *
 * cuBLASLt thinks in columns. An array that is [m,n] row after row is, read column after column, its own transpose
 * [n,m]; so out = op(a) op(b) is asked for as out^t = op(b)^t op(a)^t, with b as Lt's first matrix and a as its second,
 * and nothing is moved. Lt's bias then runs along its rows, which are the n columns here.
 */
#include "cuda/gemm.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <cublasLt.h>

_Static_assert(sizeof(hf_gemm_shape) == 4 * sizeof(int64_t) + 14 * sizeof(int32_t), "compared as bytes");

struct hf_gemm_library {
    cublasLtHandle_t handle;
};

struct hf_gemm_plan {
    hf_gemm_library                *library; /* borrowed */
    hf_gemm_shape                   shape;
    cublasLtMatmulDesc_t            product;
    cublasLtMatrixLayout_t          first, second, result; /* b, a, out of gemm.h */
    int                             n_candidates, chosen;
    cublasLtMatmulHeuristicResult_t candidates[HF_CUDA_MOST_CANDIDATES];
};

static int check(cublasStatus_t status, const char *call, const char *file, int line, hf_error *err)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return HF_OK;
    hf_status kind = status == CUBLAS_STATUS_ALLOC_FAILED ? HF_ENOMEM
                   : status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_ARCH_MISMATCH ? HF_EUNSUPPORTED
                   : HF_EDEVICE;
    return hf_fail(err, kind, "cuda: %s at %s:%d: %.200s", cublasLtGetStatusString(status), file, line, call);
}
#define HF_CUBLAS(call, err) check((call), #call, __FILE__, __LINE__, (err))

int hf_gemm_open(hf_gemm_library **out, hf_error *err)
{
    int rc;
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return hf_fail(err, HF_ENOMEM, "cuda: out of memory");
    if ((rc = HF_CUBLAS(cublasLtCreate(&(*out)->handle), err)) < 0)
        hf_gemm_close(out);
    return rc;
}

void hf_gemm_close(hf_gemm_library **library)
{
    if (!*library)
        return;
    if ((*library)->handle)
        cublasLtDestroy((*library)->handle);
    free(*library);
    *library = NULL;
}

static cudaDataType_t type_of(int32_t dtype)
{
    return dtype == HF_F16 ? CUDA_R_16F : dtype == HF_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

/* A matrix that is [rows,columns] row after row: one of `columns` rows to Lt. */
static int layout_new(cublasLtMatrixLayout_t *out, int32_t dtype, int64_t rows, int64_t columns, int64_t batch,
                      bool one, hf_error *err)
{
    int32_t count = (int32_t)batch;
    int64_t apart = one ? 0 : rows * columns;
    int rc = HF_CUBLAS(cublasLtMatrixLayoutCreate(out, type_of(dtype), (uint64_t)columns, (uint64_t)rows, columns), err);
    if (rc < 0 || batch == 1)
        return rc;
    if ((rc = HF_CUBLAS(cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                                         sizeof(count)), err)) < 0)
        return rc;
    return HF_CUBLAS(cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &apart,
                                                      sizeof(apart)), err);
}

static int layouts_new(hf_gemm_plan *p, hf_error *err)
{
    const hf_gemm_shape *s = &p->shape;
    int64_t b_rows = s->transpose_b ? s->n : s->k, a_rows = s->transpose_a ? s->k : s->m;
    int rc;
    if ((rc = layout_new(&p->first, s->in, b_rows, s->k + s->n - b_rows, s->batch, s->one_b, err)) < 0 ||
        (rc = layout_new(&p->second, s->in, a_rows, s->k + s->m - a_rows, s->batch, false, err)) < 0)
        return rc;
    return layout_new(&p->result, s->out, s->m, s->n, s->batch, false, err);
}

/* Lt's GELU is the tanh form; its order is ours: the activation of alpha a b + beta c + bias. */
static cublasLtEpilogue_t epilogue_of(const hf_gemm_shape *s)
{
    switch (s->activation) {
    case HF_ACT_RELU: return s->bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    case HF_ACT_GELU_TANH: return s->bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    default: return s->bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    }
}

static int set_product(hf_gemm_plan *p, cublasLtMatmulDescAttributes_t name, const void *value, size_t size,
                       hf_error *err)
{
    return HF_CUBLAS(cublasLtMatmulDescSetAttribute(p->product, name, value, size), err);
}

static int product_new(hf_gemm_plan *p, hf_error *err)
{
    const hf_gemm_shape *s = &p->shape;
    int32_t first = s->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N, second = s->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    uint32_t epilogue = epilogue_of(s);
    int rc;
    /* CUBLAS_COMPUTE_32F of f32 matrices is f32 through and through; TF32 has a name of its own. */
    if ((rc = HF_CUBLAS(cublasLtMatmulDescCreate(&p->product, CUBLAS_COMPUTE_32F, CUDA_R_32F), err)) < 0 ||
        (rc = set_product(p, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof(first), err)) < 0 ||
        (rc = set_product(p, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof(second), err)) < 0 ||
        (rc = set_product(p, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof(epilogue), err)) < 0 || !s->bias)
        return rc;
    /* The heuristic looks at the address for its alignment, and reads nothing there. */
    const void *address = (const void *)(uintptr_t)s->align_bias;
    int32_t type = (int32_t)type_of(s->bias_type);
    if ((rc = set_product(p, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &type, sizeof(type), err)) < 0)
        return rc;
    return set_product(p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &address, sizeof(address), err);
}

static int set_wish(cublasLtMatmulPreference_t wish, cublasLtMatmulPreferenceAttributes_t name, uint32_t value,
                    hf_error *err)
{
    return HF_CUBLAS(cublasLtMatmulPreferenceSetAttribute(wish, name, &value, sizeof(value)), err);
}

static int wish_new(cublasLtMatmulPreference_t *out, const hf_gemm_shape *s, size_t max_workspace, hf_error *err)
{
    /* A sum over k that is split between blocks is put together in f32, or not split: never in the type of out. */
    const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    uint64_t most = max_workspace;
    int rc;
    if ((rc = HF_CUBLAS(cublasLtMatmulPreferenceCreate(out), err)) < 0 ||
        (rc = HF_CUBLAS(cublasLtMatmulPreferenceSetAttribute(*out, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most,
                                                             sizeof(most)), err)) < 0 ||
        (rc = set_wish(*out, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions, err)) < 0 ||
        (rc = set_wish(*out, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, (uint32_t)s->align_b, err)) < 0 ||
        (rc = set_wish(*out, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, (uint32_t)s->align_a, err)) < 0 ||
        (rc = set_wish(*out, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
                       (uint32_t)(s->c ? s->align_c : s->align_out), err)) < 0)
        return rc;
    return set_wish(*out, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, (uint32_t)s->align_out, err);
}

/* Keep the candidates that Lt itself says are usable, in its order. */
static int find_candidates(hf_gemm_plan *p, size_t max_workspace, int n_candidates, hf_error *err)
{
    cublasLtMatmulPreference_t wish = NULL;
    int n_found = 0, rc;
    if ((rc = wish_new(&wish, &p->shape, max_workspace, err)) < 0)
        goto end;
    cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(p->library->handle, p->product, p->first, p->second,
                                                           p->result, p->result, wish, n_candidates, p->candidates,
                                                           &n_found);
    /* A combination that it does not know is one that it cannot do. */
    if (status == CUBLAS_STATUS_INVALID_VALUE)
        status = CUBLAS_STATUS_NOT_SUPPORTED;
    if ((rc = check(status, "cublasLtMatmulAlgoGetHeuristic", __FILE__, __LINE__, err)) < 0)
        goto end;
    for (int i = 0; i < n_found; i++)
        if (p->candidates[i].state == CUBLAS_STATUS_SUCCESS && p->candidates[i].workspaceSize <= max_workspace)
            p->candidates[p->n_candidates++] = p->candidates[i];
    if (!p->n_candidates)
        rc = hf_fail(err, HF_EUNSUPPORTED, "cuda: cuBLASLt has no algorithm for a product of %lld x %lld x %lld",
                     (long long)p->shape.m, (long long)p->shape.n, (long long)p->shape.k);
end:
    if (wish)
        cublasLtMatmulPreferenceDestroy(wish);
    return rc;
}

int hf_gemm_plan_new(hf_gemm_plan **out, hf_gemm_library *library, const hf_gemm_shape *shape, size_t max_workspace,
                     int n_candidates, hf_error *err)
{
    hf_gemm_plan *p = calloc(1, sizeof(*p));
    int rc;
    *out = NULL;
    if (!p)
        return hf_fail(err, HF_ENOMEM, "cuda: out of memory");
    p->library = library;
    p->shape = *shape;
    if ((rc = layouts_new(p, err)) < 0 || (rc = product_new(p, err)) < 0 ||
        (rc = find_candidates(p, max_workspace, n_candidates, err)) < 0)
        hf_gemm_plan_free(&p);
    *out = p;
    return rc;
}

void hf_gemm_plan_free(hf_gemm_plan **plan)
{
    hf_gemm_plan *p = *plan;
    if (!p)
        return;
    if (p->product)
        cublasLtMatmulDescDestroy(p->product);
    if (p->first)
        cublasLtMatrixLayoutDestroy(p->first);
    if (p->second)
        cublasLtMatrixLayoutDestroy(p->second);
    if (p->result)
        cublasLtMatrixLayoutDestroy(p->result);
    free(p);
    *plan = NULL;
}

int hf_gemm_plan_candidates(const hf_gemm_plan *p)
{
    return p->n_candidates;
}

void hf_gemm_plan_choose(hf_gemm_plan *p, int candidate)
{
    p->chosen = candidate;
}

size_t hf_gemm_plan_workspace(const hf_gemm_plan *p)
{
    return p->candidates[p->chosen].workspaceSize;
}

static int config(const cublasLtMatmulAlgo_t *algo, cublasLtMatmulAlgoConfigAttributes_t name)
{
    int32_t value = -1; /* some of these attributes are uint16_t; the library writes no more than it has */
    uint16_t small = 0;
    if (cublasLtMatmulAlgoConfigGetAttribute(algo, name, &value, sizeof(value), NULL) == CUBLAS_STATUS_SUCCESS)
        return value;
    if (cublasLtMatmulAlgoConfigGetAttribute(algo, name, &small, sizeof(small), NULL) == CUBLAS_STATUS_SUCCESS)
        return small;
    return -1;
}

void hf_gemm_plan_describe(const hf_gemm_plan *p, char *text, size_t size)
{
    const cublasLtMatmulHeuristicResult_t *c = &p->candidates[p->chosen];
    snprintf(text, size, "cuBLASLt algorithm %d, tile %d, stages %d, split of k %d, cluster %d, %.2f waves, way %d of %d",
             config(&c->algo, CUBLASLT_ALGO_CONFIG_ID), config(&c->algo, CUBLASLT_ALGO_CONFIG_TILE_ID),
             config(&c->algo, CUBLASLT_ALGO_CONFIG_STAGES_ID), config(&c->algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM),
             config(&c->algo, CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID), (double)c->wavesCount, p->chosen + 1,
             p->n_candidates);
}

int hf_gemm_plan_run(hf_gemm_plan *p, const hf_gemm_arrays *x, cudaStream_t stream, hf_error *err)
{
    const cublasLtMatmulHeuristicResult_t *c = &p->candidates[p->chosen];
    const float beta = p->shape.c ? 1 : 0;
    int rc;
    if (p->shape.bias &&
        (rc = set_product(p, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &x->bias, sizeof(x->bias), err)) < 0)
        return rc;
    /* With beta 0, c is not read; Lt wants an address all the same. */
    return HF_CUBLAS(cublasLtMatmul(p->library->handle, p->product, &x->alpha, x->b, p->first, x->a, p->second, &beta,
                                    p->shape.c ? x->c : x->out, p->result, x->out, p->result, &c->algo, x->workspace,
                                    c->workspaceSize, stream), err);
}
