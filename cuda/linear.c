/* linear.c - the entries linear and matmul, and the part of the table that belongs to matrices. */
#include "cuda/packed.h"
#include "cuda/pointwise.h"
#include "cuda/product.h"
#include "src/ops_check.h"

int hf_cuda_linear(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_packed *weight, const hf_tensor *bias,
                   const hf_tensor *residual, const hf_linear_params *params, hf_error *err)
{
    const hf_cuda_packed *w = (const hf_cuda_packed *)weight;
    void *memory = NULL;
    int rc;
    hf_check_linear(out, x, weight, bias, residual, params);
    hf_cuda_product p = {
        .out = out->data, .x = x->data, .weight = w->data, .residual = residual ? residual->data : NULL,
        .bias = bias ? bias->data : NULL, .out_type = out->dtype, .x_type = x->dtype, .type = w->head.dtype,
        .rows = hf_tensor_rows(x), .n_in = w->head.n_in, .n_out = w->head.n_out, .activation = params->activation,
    };
    if (hf_tensor_count(out) == 0)
        return HF_OK;
    if ((rc = hf_cuda_product_plan(be, &p, err)) < 0 || (rc = hf_cuda_workspace(be, &memory, p.bytes, err)) < 0)
        return rc;
    return hf_cuda_product_run(be, &p, memory, err);
}

/* An input of matmul: where the product reads it, and where a converted copy lies if there is one. */
typedef struct operand {
    const hf_tensor *t;
    bool             converts;
    size_t           at;
} operand;

static operand operand_of(const hf_tensor *t, hf_dtype type, size_t *used)
{
    operand o = { .t = t, .converts = t->dtype != type };
    o.at = hf_cuda_place(used, o.converts ? (size_t)hf_tensor_count(t) * hf_dtype_size(type) : 0);
    return o;
}

static int operand_read(hf_backend *be, const void **out, const operand *o, hf_dtype type, char *memory, hf_error *err)
{
    *out = o->converts ? memory + o->at : o->t->data;
    if (!o->converts)
        return HF_OK;
    return HF_CUDA(hf_cuda_cast_launch(memory + o->at, type, o->t->data, o->t->dtype, hf_tensor_count(o->t), HF_ACT_NONE,
                                       hf_cuda_of(be)->stream), err);
}

static int32_t operand_alignment(const operand *o)
{
    return o->converts ? HF_CUDA_ALIGN_MOST : hf_cuda_alignment(o->t->data);
}

/* One b for all and rows that follow each other: the batch is only more rows. */
static void shape_of(hf_gemm_shape *shape, const hf_matmul_sizes *s, const hf_matmul_params *params)
{
    bool folds = s->one_b && !params->transpose_a;
    shape->m = folds ? s->batch * s->m : s->m;
    shape->n = s->n;
    shape->k = s->k;
    shape->batch = folds ? 1 : s->batch;
    shape->one_b = s->one_b && !folds;
    shape->transpose_a = params->transpose_a;
    shape->transpose_b = params->transpose_b;
}

int hf_cuda_matmul(hf_backend *be, const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
                   const hf_matmul_params *params, hf_error *err)
{
    hf_matmul_sizes s = hf_check_matmul(out, a, b, params);
    /* f16 with bf16 loses digits in either type; f32 holds both. */
    hf_dtype type = a->dtype == b->dtype ? a->dtype : HF_F32;
    bool has_result = out->dtype != type && out->dtype != HF_F32;
    hf_dtype result_type = has_result ? HF_F32 : out->dtype;
    hf_gemm_shape shape = { 0 };
    hf_cuda_plan *plan;
    size_t used = 0;
    char *memory = NULL;
    int rc;

    if (hf_tensor_count(out) == 0)
        return HF_OK;
    operand first = operand_of(a, type, &used), second = operand_of(b, type, &used);
    size_t at_result = hf_cuda_place(&used, has_result ? (size_t)hf_tensor_count(out) * sizeof(float) : 0);
    shape_of(&shape, &s, params);
    shape.in = (int32_t)type;
    shape.out = shape.bias_type = (int32_t)result_type;
    shape.align_a = operand_alignment(&first);
    shape.align_b = operand_alignment(&second);
    shape.align_out = has_result ? HF_CUDA_ALIGN_MOST : hf_cuda_alignment(out->data);
    shape.align_c = shape.align_bias = HF_CUDA_ALIGN_MOST;
    if ((rc = hf_cuda_gemm_plan(be, &plan, &shape, err)) < 0)
        return rc;
    if (!plan)
        return hf_fail(err, HF_EUNSUPPORTED, "cuda: cuBLASLt cannot multiply %lld matrices of %lld x %lld x %lld",
                       (long long)s.batch, (long long)s.m, (long long)s.n, (long long)s.k);
    size_t at_library = hf_cuda_place(&used, hf_cuda_plan_workspace(plan));
    hf_gemm_arrays arrays = { .alpha = params->alpha == 0 ? 1 : params->alpha };
    if ((rc = hf_cuda_workspace(be, (void **)&memory, used, err)) < 0 ||
        (rc = operand_read(be, &arrays.a, &first, type, memory, err)) < 0 ||
        (rc = operand_read(be, &arrays.b, &second, type, memory, err)) < 0)
        return rc;
    arrays.out = has_result ? memory + at_result : out->data;
    arrays.workspace = memory ? memory + at_library : NULL;
    if ((rc = hf_cuda_gemm_run(be, plan, &arrays, err)) < 0 || !has_result)
        return rc;
    return HF_CUDA(hf_cuda_cast_launch(out->data, out->dtype, arrays.out, HF_F32, hf_tensor_count(out), HF_ACT_NONE,
                                       hf_cuda_of(be)->stream), err);
}

void hf_cuda_fill_matrix(hf_ops *ops)
{
    ops->packed_new = hf_cuda_packed_new;
    ops->packed_free = hf_cuda_packed_free;
    ops->linear = hf_cuda_linear;
    ops->conv2d = hf_cuda_conv2d;
    ops->matmul = hf_cuda_matmul;
}
