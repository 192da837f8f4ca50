/* product.c - see product.h.
 *
 * Fused first: the library adds bias and residual and applies the activation while it writes out. Where it cannot, it
 * writes the bare product (to out itself if that is possible), and one kernel does the rest (epilogue.h). Of the
 * activations cuBLASLt has ReLU and GELU's tanh form; the latter is fused into f16 and bf16 results only, whose rounding
 * is coarser than any short cut in it. GEGLU it has not: a kernel of our own does the product and the gate (geglu.h), or
 * the library the product and a second kernel the gate, whichever matrix.h says.
 */
#include "cuda/product.h"

#include <string.h>

#include "cuda/epilogue.h"
#include "cuda/geglu.h"
#include "cuda/pointwise.h"

static bool library_activates(const hf_cuda_product *p)
{
    return p->activation == HF_ACT_NONE || p->activation == HF_ACT_RELU ||
           (p->activation == HF_ACT_GELU_TANH && p->out_type != HF_F32);
}

static hf_gemm_shape bare_shape(const hf_cuda_product *p)
{
    return (hf_gemm_shape){
        .m = p->rows, .n = p->n_out, .k = p->n_in, .batch = 1, .transpose_b = 1, .in = (int32_t)p->type,
        .out = (int32_t)p->result_type, .bias_type = (int32_t)p->result_type, .activation = HF_ACT_NONE,
        .align_out = p->has_result ? HF_CUDA_ALIGN_MOST : hf_cuda_alignment(p->out),
        .align_a = p->converts_x ? HF_CUDA_ALIGN_MOST : hf_cuda_alignment(p->x),
        .align_b = hf_cuda_alignment(p->weight), .align_c = HF_CUDA_ALIGN_MOST, .align_bias = HF_CUDA_ALIGN_MOST,
    };
}

/* cuBLASLt's bias has the type of its result; ours is f32, and is converted for every run, since the caller may change
 * it in place. That is a kernel of n_out numbers. */
static int plan_fused(hf_backend *be, hf_cuda_product *p, hf_error *err)
{
    hf_gemm_shape shape = bare_shape(p);
    p->converts_bias = p->bias && p->out_type != HF_F32;
    shape.bias = p->bias != NULL;
    shape.align_bias = p->converts_bias ? HF_CUDA_ALIGN_MOST : hf_cuda_alignment(p->bias);
    shape.c = p->residual != NULL;
    shape.align_c = hf_cuda_alignment(p->residual);
    shape.activation = (int32_t)p->activation;
    return hf_cuda_gemm_plan(be, &p->plan, &shape, err);
}

static int plan_bare(hf_backend *be, hf_cuda_product *p, hf_error *err)
{
    int rc;
    p->has_epilogue = p->bias || p->residual || p->activation != HF_ACT_NONE || p->result_type != p->out_type;
    p->converts_bias = false;
    p->has_result = p->activation == HF_ACT_GEGLU || p->result_type != p->out_type || p->residual == p->out;
    hf_gemm_shape shape = bare_shape(p);
    if ((rc = hf_cuda_gemm_plan(be, &p->plan, &shape, err)) < 0 || p->plan)
        return rc;
    return hf_fail(err, HF_EUNSUPPORTED, "cuda: cuBLASLt cannot multiply %lld x %lld by %lld x %lld in this type",
                   (long long)p->rows, (long long)p->n_in, (long long)p->n_in, (long long)p->n_out);
}

static hf_cuda_geglu geglu_of(const hf_cuda_product *p)
{
    return (hf_cuda_geglu){ .out = p->out, .x = p->x, .weight = p->weight, .bias = p->bias, .rows = p->rows,
                            .n = p->n_out / 2, .n_in = p->n_in, .type = p->type };
}

static bool fits_own_geglu(const hf_cuda_product *p)
{
    hf_cuda_geglu g = geglu_of(p);
    return p->activation == HF_ACT_GEGLU && p->x_type == p->type && p->out_type == p->type && hf_cuda_geglu_fits(&g);
}

int hf_cuda_product_plan(hf_backend *be, hf_cuda_product *p, hf_error *err)
{
    hf_cuda_matrix *m;
    bool writes_out = p->out_type == p->type || p->out_type == HF_F32;
    int rc = HF_OK;
    p->plan = NULL;
    p->bytes = 0;
    p->own_geglu = false;
    if ((rc = hf_cuda_matrix_get(be, &m, err)) < 0)
        return rc;
    if (fits_own_geglu(p) && hf_cuda_way_of(be, HF_CUDA_GEGLU, NULL) == HF_CUDA_OWN) {
        p->own_geglu = true;
        return HF_OK;
    }
    p->converts_x = p->x_type != p->type;
    p->has_epilogue = p->has_result = p->converts_bias = false;
    p->result_type = writes_out ? p->out_type : HF_F32;
    if (writes_out && library_activates(p))
        rc = plan_fused(be, p, err);
    if (rc < 0 || (!p->plan && (rc = plan_bare(be, p, err)) < 0))
        return rc;
    if (fits_own_geglu(p) && hf_cuda_way_of(be, HF_CUDA_GEGLU, p->plan) == HF_CUDA_OWN) {
        p->own_geglu = true;
        return HF_OK;
    }
    size_t used = 0, n = (size_t)p->n_out;
    p->at_x = hf_cuda_place(&used, p->converts_x ? (size_t)(p->rows * p->n_in) * hf_dtype_size(p->type) : 0);
    p->at_bias = hf_cuda_place(&used, p->converts_bias ? n * hf_dtype_size(p->out_type) : 0);
    p->at_result = hf_cuda_place(&used, p->has_result ? (size_t)p->rows * n * hf_dtype_size(p->result_type) : 0);
    p->at_library = hf_cuda_place(&used, hf_cuda_plan_workspace(p->plan));
    p->bytes = used;
    return HF_OK;
}

static int run_epilogue(hf_backend *be, const hf_cuda_product *p, const void *result, hf_error *err)
{
    hf_cuda_epilogue e = {
        .out = p->out, .x = result, .bias = p->bias, .residual = p->residual, .rows = p->rows,
        .n = p->activation == HF_ACT_GEGLU ? p->n_out / 2 : p->n_out, .out_type = p->out_type,
        .x_type = p->result_type, .activation = p->activation,
    };
    return HF_CUDA(hf_cuda_epilogue_launch(&e, hf_cuda_of(be)->stream), err);
}

static int run_own_geglu(hf_backend *be, const hf_cuda_product *p, hf_error *err)
{
    hf_cuda_geglu g = geglu_of(p);
    return HF_CUDA(hf_cuda_geglu_launch(&g, hf_cuda_of(be)->stream), err);
}

static int run_library(hf_backend *be, const hf_cuda_product *p, void *workspace, hf_error *err)
{
    cudaStream_t stream = hf_cuda_of(be)->stream;
    char *memory = workspace;
    hf_gemm_arrays arrays = {
        .out = p->has_result ? memory + p->at_result : p->out, .a = p->x, .b = p->weight, .alpha = 1,
        .workspace = memory ? memory + p->at_library : NULL,
    };
    int rc;
    if (p->converts_x) {
        arrays.a = memory + p->at_x;
        if ((rc = HF_CUDA(hf_cuda_cast_launch(memory + p->at_x, p->type, p->x, p->x_type, p->rows * p->n_in,
                                              HF_ACT_NONE, stream), err)) < 0)
            return rc;
    }
    if (!p->has_epilogue) {
        arrays.c = p->residual;
        arrays.bias = p->bias;
    }
    if (p->converts_bias) {
        arrays.bias = memory + p->at_bias;
        if ((rc = HF_CUDA(hf_cuda_cast_launch(memory + p->at_bias, p->out_type, p->bias, HF_F32, p->n_out, HF_ACT_NONE,
                                              stream), err)) < 0)
            return rc;
    }
    rc = hf_cuda_gemm_run(be, p->plan, &arrays, err);
    return rc < 0 || !p->has_epilogue ? rc : run_epilogue(be, p, arrays.out, err);
}

/* Both ways of GEGLU, for hf_cuda_time. */
typedef struct geglu_work {
    hf_backend            *be;
    const hf_cuda_product *p;
    void                  *workspace;
} geglu_work;

static int work_library(void *work, hf_error *err)
{
    const geglu_work *w = work;
    return run_library(w->be, w->p, w->workspace, err);
}

static int work_own(void *work, hf_error *err)
{
    const geglu_work *w = work;
    return run_own_geglu(w->be, w->p, err);
}

/* out may be written many times: GEGLU reads no residual, and x, which is wider or narrower, is not out. */
static int time_geglu(hf_backend *be, const hf_cuda_product *p, void *workspace, hf_error *err)
{
    geglu_work work = { be, p, workspace };
    float library = 0, own = 0;
    int rc;
    if ((rc = hf_cuda_time(be, &library, work_library, &work, err)) < 0 ||
        (rc = hf_cuda_time(be, &own, work_own, &work, err)) < 0)
        return rc;
    hf_cuda_choose_way(p->plan, library, own);
    return HF_OK;
}

int hf_cuda_product_run(hf_backend *be, const hf_cuda_product *p, void *workspace, hf_error *err)
{
    int rc = HF_OK;
    if (p->own_geglu)
        return run_own_geglu(be, p, err);
    if (fits_own_geglu(p) && hf_cuda_way_of(be, HF_CUDA_GEGLU, p->plan) == HF_CUDA_OPEN && !hf_cuda_of(be)->is_recording)
        rc = time_geglu(be, p, workspace, err);
    /* Once more where it was timed: the same bits from the first call on need the same way. */
    if (rc >= 0 && fits_own_geglu(p) && hf_cuda_way_of(be, HF_CUDA_GEGLU, p->plan) == HF_CUDA_OWN)
        return run_own_geglu(be, p, err);
    return rc < 0 ? rc : run_library(be, p, workspace, err);
}
