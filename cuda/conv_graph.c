/* conv_graph.c - see conv_graph.h. */
#include "cuda/conv_graph.h"

/* A picture, or filters, [n,h,w,c] in memory. cuDNN always names dimensions in the order n, c, h, w; the strides say
 * that channels lie side by side. name from HF_CONV_VIRTUAL on: a tensor that is never in memory. */
static int tensor_new(hf_cudnn_graph *g, cudnnBackendDescriptor_t *out, int64_t name, int32_t dtype, int32_t align,
                      const int64_t nhwc[4], hf_error *err)
{
    const int64_t n = nhwc[0], h = nhwc[1], w = nhwc[2], c = nhwc[3];
    const hf_cudnn_array array = {
        .name = name, .dtype = dtype, .align = align, .kind = name >= HF_CONV_VIRTUAL ? HF_CUDNN_VIRTUAL : HF_CUDNN_IN_MEMORY,
        .dims = { n, c, h, w }, .strides = { h * w * c, 1, w * c, c },
    };
    return hf_cudnn_tensor(g, out, &array, err);
}

static int convolution_new(hf_cudnn_graph *g, cudnnBackendDescriptor_t *out, const hf_conv_shape *s, hf_error *err)
{
    const int64_t n_dims = 2, strides[2] = { s->stride, s->stride }, dilations[2] = { s->dilation, s->dilation };
    const int64_t before[2] = { s->pad_top, s->pad_left }, after[2] = { s->pad_bottom, s->pad_right };
    const cudnnDataType_t type = CUDNN_DATA_FLOAT; /* of the sums, whatever is multiplied */
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    int rc;
    if ((rc = hf_cudnn_part(g, out, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &n_dims, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, before, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, after, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilations, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, strides, err)) < 0)
        return rc;
    return HF_CUDNN(cudnnBackendFinalize(*out), err);
}

static int convolve_new(hf_cudnn_graph *g, cudnnBackendDescriptor_t *out, const hf_conv_shape *s,
                        cudnnBackendDescriptor_t y, hf_error *err)
{
    const int64_t picture[4] = { s->n, s->h, s->w, s->c };
    const int64_t filters[4] = { s->n_out, s->kernel_h, s->kernel_w, s->c };
    const float one = 1, zero = 0;
    cudnnBackendDescriptor_t x, weight, how;
    int rc;
    if ((rc = tensor_new(g, &x, HF_CONV_X, s->in, s->align, picture, err)) < 0 ||
        (rc = tensor_new(g, &weight, HF_CONV_WEIGHT, s->in, s->align, filters, err)) < 0 ||
        (rc = convolution_new(g, &how, s, err)) < 0 ||
        (rc = hf_cudnn_part(g, out, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                           &how, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &x,
                           err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &weight,
                           err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &y,
                           err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1, &one, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 1, &zero, err)) < 0)
        return rc;
    return HF_CUDNN(cudnnBackendFinalize(*out), err);
}

/* y = mode(x, b), in f32; b NULL where the mode takes one input. beta: of swish, x / (1 + exp(-beta x)). */
static int pointwise_new(hf_cudnn_graph *g, cudnnBackendDescriptor_t *out, cudnnPointwiseMode_t mode, double beta,
                         cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t b, cudnnBackendDescriptor_t y,
                         hf_error *err)
{
    const cudnnDataType_t type = CUDNN_DATA_FLOAT;
    cudnnBackendDescriptor_t how;
    int rc;
    if ((rc = hf_cudnn_part(g, &how, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, err)) < 0 ||
        (rc = hf_cudnn_set(how, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode, err)) < 0 ||
        (rc = hf_cudnn_set(how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &type, err)) < 0 ||
        (mode == CUDNN_POINTWISE_SWISH_FWD &&
         (rc = hf_cudnn_set(how, CUDNN_ATTR_POINTWISE_SWISH_BETA, CUDNN_TYPE_DOUBLE, 1, &beta, err)) < 0) ||
        (rc = HF_CUDNN(cudnnBackendFinalize(how), err)) < 0 ||
        (rc = hf_cudnn_part(g, out, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &how,
                           err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &x, err)) < 0 ||
        (b && (rc = hf_cudnn_set(*out, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &b,
                                 err)) < 0) ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &y, err)) < 0)
        return rc;
    return HF_CUDNN(cudnnBackendFinalize(*out), err);
}

static cudnnPointwiseMode_t mode_of(int32_t activation)
{
    switch (activation) {
    case HF_ACT_SILU:
    case HF_ACT_QUICK_GELU: return CUDNN_POINTWISE_SWISH_FWD;
    case HF_ACT_GELU_ERF: return CUDNN_POINTWISE_GELU_FWD;
    case HF_ACT_GELU_TANH: return CUDNN_POINTWISE_GELU_APPROX_TANH_FWD;
    default: return CUDNN_POINTWISE_RELU_FWD;
    }
}

/* The operations of a graph while it grows: each writes where the next one reads. */
typedef struct chain {
    hf_cudnn_graph          *g;
    const hf_conv_shape     *shape;
    cudnnBackendDescriptor_t operations[4];
    cudnnBackendDescriptor_t end; /* what the last operation writes */
    int                      n, n_wanted;
} chain;

/* The tensor that the next operation writes: out after the last one. */
static int chain_next(chain *c, cudnnBackendDescriptor_t *out, hf_error *err)
{
    const hf_conv_shape *s = c->shape;
    const int64_t result[4] = { s->n, s->ho, s->wo, s->n_out };
    if (c->n == c->n_wanted - 1)
        return tensor_new(c->g, out, HF_CONV_OUT, s->out, s->align, result, err);
    return tensor_new(c->g, out, HF_CONV_VIRTUAL + c->n, HF_F32, s->align, result, err);
}

static int chain_pointwise(chain *c, cudnnPointwiseMode_t mode, double beta, cudnnBackendDescriptor_t b, hf_error *err)
{
    cudnnBackendDescriptor_t y;
    int rc;
    if ((rc = chain_next(c, &y, err)) < 0 ||
        (rc = pointwise_new(c->g, &c->operations[c->n], mode, beta, c->end, b, y, err)) < 0)
        return rc;
    c->end = y;
    c->n++;
    return HF_OK;
}

static int chain_make(chain *c, hf_error *err)
{
    const hf_conv_shape *s = c->shape;
    const int64_t result[4] = { s->n, s->ho, s->wo, s->n_out }, vector[4] = { 1, 1, 1, s->n_out };
    cudnnBackendDescriptor_t other;
    int rc;
    c->n_wanted = 1 + s->residual + s->bias + (s->activation != HF_ACT_NONE);
    if ((rc = chain_next(c, &c->end, err)) < 0 ||
        (rc = convolve_new(c->g, &c->operations[0], s, c->end, err)) < 0)
        return rc;
    c->n = 1;
    /* The residual before the bias: the order of the graph that cuDNN's ready-made kernels compute. */
    if (s->residual && ((rc = tensor_new(c->g, &other, HF_CONV_RESIDUAL, s->out, s->align, result, err)) < 0 ||
                        (rc = chain_pointwise(c, CUDNN_POINTWISE_ADD, 1, other, err)) < 0))
        return rc;
    if (s->bias && ((rc = tensor_new(c->g, &other, HF_CONV_BIAS, s->out, s->align, vector, err)) < 0 ||
                    (rc = chain_pointwise(c, CUDNN_POINTWISE_ADD, 1, other, err)) < 0))
        return rc;
    if (s->activation == HF_ACT_NONE)
        return HF_OK;
    return chain_pointwise(c, mode_of(s->activation), s->activation == HF_ACT_QUICK_GELU ? 1.702 : 1, NULL, err);
}

int hf_conv_graph_make(hf_cudnn_graph *g, cudnnHandle_t handle, const hf_conv_shape *shape, hf_error *err)
{
    chain c = { .g = g, .shape = shape };
    int rc = chain_make(&c, err);
    return rc < 0 ? rc : hf_cudnn_graph_finish(g, handle, c.operations, c.n, err);
}
