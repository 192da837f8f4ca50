/* conv2d.c - the entry conv2d: which of four ways a convolution goes.
 *
 *   1. Several groups: an own kernel (conv_direct.h).
 *   2. A kernel of 1x1 that steps by 1: a matrix product of the cells (product.h).
 *   3. cuDNN, everything fused; else the convolution alone and one kernel for the rest (epilogue.h).
 *   4. Windows unfolded into rows of a matrix, a part at a time, and a product: where windows do not overlap (the
 *      patches of a ViT: unfolding copies nothing twice), and where cuDNN has no engine that keeps the contract.
 *
 * Input that is not of the arithmetic's type, or whose channels cuDNN wants padded (packed.h), is converted on the way.
 */
#include "cuda/conv_direct.h"
#include "cuda/epilogue.h"
#include "cuda/pack.h"
#include "cuda/packed.h"
#include "cuda/pointwise.h"
#include "cuda/product.h"
#include "src/ops_check.h"

/* One call, with the zeros of the parameters replaced. */
typedef struct convolution {
    const hf_tensor      *out, *x, *residual;
    const hf_cuda_packed *w;
    const float          *bias;
    hf_conv2d_params      params;
} convolution;

static int run_groups(hf_backend *be, const convolution *c, hf_error *err)
{
    const hf_packed *w = &c->w->head;
    hf_cuda_conv_direct direct = {
        .out = c->out->data, .x = c->x->data, .weight = c->w->data,
        .residual = c->residual ? c->residual->data : NULL, .bias = c->bias, .out_type = c->out->dtype,
        .x_type = c->x->dtype, .type = w->dtype, .n = c->x->shape[0], .h = c->x->shape[1], .w = c->x->shape[2],
        .ho = c->out->shape[1], .wo = c->out->shape[2], .n_out = w->n_out, .n_in = w->n_in, .n_groups = w->n_groups,
        .kernel_h = w->kernel_h, .kernel_w = w->kernel_w, .stride = c->params.stride, .dilation = c->params.dilation,
        .pad_top = c->params.pad_top, .pad_left = c->params.pad_left, .activation = c->params.activation,
    };
    return HF_CUDA(hf_cuda_conv_direct_launch(&direct, hf_cuda_of(be)->stream), err);
}

/* The product of rows first..first+n of out, whose windows are rows of x. */
static hf_cuda_product product_of(const convolution *c, const void *x, hf_dtype x_type, int64_t n_in, int64_t first,
                                  int64_t n)
{
    int64_t at = first * c->w->head.n_out * (int64_t)hf_dtype_size(c->out->dtype);
    return (hf_cuda_product){
        .out = (char *)c->out->data + at, .x = x, .weight = c->w->data,
        .residual = c->residual ? (const char *)c->residual->data + at : NULL, .bias = c->bias,
        .out_type = c->out->dtype, .x_type = x_type, .type = c->w->head.dtype, .rows = n, .n_in = n_in,
        .n_out = c->w->head.n_out, .activation = c->params.activation,
    };
}

static int run_cells(hf_backend *be, const convolution *c, hf_error *err)
{
    hf_cuda_product p = product_of(c, c->x->data, c->x->dtype, c->w->head.n_in, 0, hf_tensor_rows(c->x));
    void *memory = NULL;
    int rc;
    if ((rc = hf_cuda_product_plan(be, &p, err)) < 0 || (rc = hf_cuda_workspace(be, &memory, p.bytes, err)) < 0)
        return rc;
    return hf_cuda_product_run(be, &p, memory, err);
}

static hf_cuda_unfold unfold_of(const convolution *c, void *out)
{
    const hf_packed *w = &c->w->head;
    return (hf_cuda_unfold){
        .out = out, .x = c->x->data, .out_type = w->dtype, .x_type = c->x->dtype, .h = c->x->shape[1],
        .w = c->x->shape[2], .c = w->n_in, .c_padded = c->w->c_padded, .ho = c->out->shape[1], .wo = c->out->shape[2],
        .kernel_h = w->kernel_h, .kernel_w = w->kernel_w, .stride = c->params.stride, .dilation = c->params.dilation,
        .pad_top = c->params.pad_top, .pad_left = c->params.pad_left, .n_rows = hf_tensor_rows(c->out),
    };
}

/* Unfolded rows that are in memory at a time: large enough to fill a GPU with every product, a small part of what the
 * weights of a network take. Whole multiples of ROWS, so that all parts begin at the same alignment. Tests without a GPU
 * have small pictures, and see several parts all the same. */
#ifdef HF_CUDA_EMULATED
enum { UNFOLDED_BYTES = 128 << 10, ROWS = 128 };
#else
enum { UNFOLDED_BYTES = 64 << 20, ROWS = 128 };
#endif

static int run_unfolded(hf_backend *be, const convolution *c, hf_error *err)
{
    hf_cuda_unfold u = unfold_of(c, NULL);
    int64_t n_in = u.kernel_h * u.kernel_w * u.c_padded, row_bytes = n_in * (int64_t)hf_dtype_size(u.out_type);
    int64_t n_rows = u.n_rows, part = UNFOLDED_BYTES / row_bytes / ROWS * ROWS;
    part = part < ROWS ? ROWS : part;
    part = part > n_rows ? n_rows : part;
    size_t used = 0, at_rows = hf_cuda_place(&used, (size_t)(part * row_bytes));
    const void *aligned = (const void *)(uintptr_t)256; /* as the rows will be */
    hf_cuda_product whole = product_of(c, aligned, u.out_type, n_in, 0, part);
    hf_cuda_product rest = product_of(c, aligned, u.out_type, n_in, 0, n_rows % part);
    char *memory = NULL;
    int rc;
    if ((rc = hf_cuda_product_plan(be, &whole, err)) < 0 ||
        (rest.rows && (rc = hf_cuda_product_plan(be, &rest, err)) < 0))
        return rc;
    size_t bytes = rest.bytes > whole.bytes ? rest.bytes : whole.bytes;
    if ((rc = hf_cuda_workspace(be, (void **)&memory, used + bytes, err)) < 0)
        return rc;
    u.out = memory + at_rows;
    for (int64_t first = 0; first < n_rows && rc >= 0; first += part) {
        hf_cuda_product *p = n_rows - first < part ? &rest : &whole;
        hf_cuda_product here = product_of(c, u.out, u.out_type, n_in, first, p->rows);
        p->x = here.x, p->out = here.out, p->residual = here.residual;
        u.first_row = first, u.n_rows = p->rows;
        if ((rc = HF_CUDA(hf_cuda_unfold_launch(&u, hf_cuda_of(be)->stream), err)) >= 0)
            rc = hf_cuda_product_run(be, p, memory + used, err);
    }
    return rc;
}

/* How cuDNN will run a convolution. */
typedef struct library_way {
    hf_conv_shape shape;
    hf_cuda_plan *plan;
    bool          converts_x, converts_bias, has_epilogue, has_result;
    size_t        at_x, at_bias, at_result, at_library, bytes;
} library_way;

static void fill_shape(library_way *l, const convolution *c)
{
    const hf_packed *w = &c->w->head;
    int32_t align = hf_cuda_alignment(c->w->data), align_x = hf_cuda_alignment(c->x->data);
    l->converts_x = c->x->dtype != w->dtype || c->w->c_padded != w->n_in;
    if (!l->converts_x && align_x < align)
        align = align_x;
    l->shape = (hf_conv_shape){
        .n = c->x->shape[0], .h = c->x->shape[1], .w = c->x->shape[2], .c = c->w->c_padded, .ho = c->out->shape[1],
        .wo = c->out->shape[2], .n_out = w->n_out, .kernel_h = w->kernel_h, .kernel_w = w->kernel_w,
        .stride = c->params.stride, .dilation = c->params.dilation, .pad_top = c->params.pad_top,
        .pad_left = c->params.pad_left, .pad_bottom = c->params.pad_bottom, .pad_right = c->params.pad_right,
        .in = (int32_t)w->dtype, .out = (int32_t)c->out->dtype, .align = align,
    };
}

static int32_t lesser(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* cuDNN's ready-made kernels want a bias of the result's type; ours is f32, and is converted for every run (product.c). */
static int plan_fused(hf_backend *be, library_way *l, const convolution *c, hf_error *err)
{
    hf_conv_shape shape = l->shape;
    l->converts_bias = c->bias && c->out->dtype != HF_F32;
    shape.align = lesser(shape.align, hf_cuda_alignment(c->out->data));
    if ((shape.residual = c->residual != NULL))
        shape.align = lesser(shape.align, hf_cuda_alignment(c->residual->data));
    if ((shape.bias = c->bias != NULL) && !l->converts_bias)
        shape.align = lesser(shape.align, hf_cuda_alignment(c->bias));
    shape.activation = (int32_t)c->params.activation;
    return hf_cuda_conv_plan(be, &l->plan, &shape, err);
}

static int plan_bare(hf_backend *be, library_way *l, const convolution *c, hf_error *err)
{
    hf_conv_shape shape = l->shape;
    l->converts_bias = false;
    l->has_epilogue = c->bias || c->residual || c->params.activation != HF_ACT_NONE;
    l->has_result = c->residual && c->residual->data == c->out->data;
    if (!l->has_result)
        shape.align = lesser(shape.align, hf_cuda_alignment(c->out->data));
    return l->has_epilogue ? hf_cuda_conv_plan(be, &l->plan, &shape, err) : HF_OK;
}

/* l->plan is NULL where cuDNN cannot: the result would be rounded twice, or there is no engine. */
static int plan_library(hf_backend *be, library_way *l, const convolution *c, hf_error *err)
{
    const hf_packed *w = &c->w->head;
    size_t used = 0;
    int rc;
    fill_shape(l, c);
    if (c->out->dtype != w->dtype && c->out->dtype != HF_F32)
        return HF_OK;
    if ((rc = plan_fused(be, l, c, err)) < 0 || (!l->plan && (rc = plan_bare(be, l, c, err)) < 0) || !l->plan)
        return rc;
    size_t cells = (size_t)(c->x->shape[0] * c->x->shape[1] * c->x->shape[2] * c->w->c_padded);
    l->at_x = hf_cuda_place(&used, l->converts_x ? cells * hf_dtype_size(w->dtype) : 0);
    l->at_bias = hf_cuda_place(&used, l->converts_bias ? (size_t)w->n_out * hf_dtype_size(c->out->dtype) : 0);
    l->at_result = hf_cuda_place(&used, l->has_result ? hf_tensor_bytes(c->out) : 0);
    l->at_library = hf_cuda_place(&used, hf_cuda_plan_workspace(l->plan));
    l->bytes = used;
    return HF_OK;
}

static int convert_input(hf_backend *be, const convolution *c, void *out, hf_error *err)
{
    hf_cuda_unfold u = unfold_of(c, out);
    u.ho = u.h, u.wo = u.w;
    u.kernel_h = u.kernel_w = u.stride = u.dilation = 1;
    u.pad_top = u.pad_left = 0;
    u.n_rows = hf_tensor_rows(c->x);
    return HF_CUDA(hf_cuda_unfold_launch(&u, hf_cuda_of(be)->stream), err);
}

static int run_epilogue(hf_backend *be, const convolution *c, const void *result, hf_error *err)
{
    hf_cuda_epilogue e = {
        .out = c->out->data, .x = result, .bias = c->bias, .residual = c->residual ? c->residual->data : NULL,
        .rows = hf_tensor_rows(c->out), .n = c->w->head.n_out, .out_type = c->out->dtype, .x_type = c->out->dtype,
        .activation = c->params.activation,
    };
    return HF_CUDA(hf_cuda_epilogue_launch(&e, hf_cuda_of(be)->stream), err);
}

static int run_library(hf_backend *be, const library_way *l, const convolution *c, hf_error *err)
{
    char *memory = NULL;
    int rc = hf_cuda_workspace(be, (void **)&memory, l->bytes, err);
    if (rc < 0)
        return rc;
    hf_conv_arrays arrays = {
        .out = l->has_result ? memory + l->at_result : c->out->data, .weight = c->w->data,
        .x = l->converts_x ? memory + l->at_x : c->x->data, .workspace = memory ? memory + l->at_library : NULL,
    };
    if (!l->has_epilogue) {
        arrays.bias = l->converts_bias ? (const void *)(memory + l->at_bias) : c->bias;
        arrays.residual = c->residual ? c->residual->data : NULL;
    }
    if (l->converts_x && (rc = convert_input(be, c, memory + l->at_x, err)) < 0)
        return rc;
    if (l->converts_bias &&
        (rc = HF_CUDA(hf_cuda_cast_launch(memory + l->at_bias, c->out->dtype, c->bias, HF_F32, c->w->head.n_out,
                                          HF_ACT_NONE, hf_cuda_of(be)->stream), err)) < 0)
        return rc;
    rc = hf_cuda_conv_run(be, l->plan, &arrays, err);
    return rc < 0 || !l->has_epilogue ? rc : run_epilogue(be, c, arrays.out, err);
}

int hf_cuda_conv2d(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_packed *weight, const hf_tensor *bias,
                   const hf_tensor *residual, const hf_conv2d_params *params, hf_error *err)
{
    const hf_packed *w = weight;
    convolution c = {
        .out = out, .x = x, .residual = residual, .w = (const hf_cuda_packed *)weight,
        .bias = bias ? bias->data : NULL, .params = *params,
    };
    hf_conv2d_params *p = &c.params;
    library_way l = { 0 };
    int rc;

    hf_check_conv2d(out, x, weight, bias, residual, params);
    p->stride = p->stride ? p->stride : 1;
    p->dilation = p->dilation ? p->dilation : 1;
    if (hf_tensor_count(out) == 0)
        return HF_OK;
    if (w->n_groups > 1)
        return run_groups(be, &c, err);
    bool pads = p->pad_top || p->pad_left || p->pad_bottom || p->pad_right;
    if (w->kernel_h == 1 && w->kernel_w == 1 && p->stride == 1 && !pads)
        return run_cells(be, &c, err);
    bool overlaps = p->stride < w->kernel_h || p->stride < w->kernel_w;
    if (overlaps && (rc = plan_library(be, &l, &c, err)) < 0)
        return rc;
    return l.plan ? run_library(be, &l, &c, err) : run_unfolded(be, &c, err);
}
