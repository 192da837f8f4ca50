/* conv_direct.cu - see conv_direct.h; in plain C: hf_ref_conv2d in src/ref_conv.c.
 *
 * Depthwise convolutions move a number for every multiplication or two; tensor cores have nothing to do there, and
 * neighbouring threads read neighbouring channels. Groups of many channels would be faster as products; no network here
 * has any.
 */
#include "cuda/activation.cuh"
#include "cuda/conv_direct.h"
#include "cuda/element.cuh"

/* Sum of the window of output cell (picture,oy,ox), output channel o. */
template <typename T>
static __device__ __forceinline__ float window(const hf_cuda_conv_direct &c, int64_t picture, int64_t oy, int64_t ox,
                                               int64_t o)
{
    const T *weight = static_cast<const T *>(c.weight) + o * c.kernel_h * c.kernel_w * c.n_in;
    int64_t channels = c.n_in * c.n_groups, first = hf_divide(o, c.n_out / c.n_groups) * c.n_in;
    float sum = 0;
    for (int64_t ky = 0; ky < c.kernel_h; ky++) {
        int64_t iy = oy * c.stride - c.pad_top + ky * c.dilation;
        for (int64_t kx = 0; kx < c.kernel_w; kx++, weight += c.n_in) {
            int64_t ix = ox * c.stride - c.pad_left + kx * c.dilation;
            if (iy < 0 || iy >= c.h || ix < 0 || ix >= c.w)
                continue;
            int64_t at = ((picture * c.h + iy) * c.w + ix) * channels + first;
            for (int64_t i = 0; i < c.n_in; i++) {
                float x[1];
                hf_load_as(x, c.x, c.x_type, at + i);
                sum += hf_to_float(hf_from_float<T>(x[0])) * hf_to_float(weight[i]);
            }
        }
    }
    return sum;
}

static __device__ __forceinline__ void store_as(void *p, hf_dtype dtype, int64_t i, float v)
{
    if (dtype == HF_F32)
        static_cast<float *>(p)[i] = v;
    else if (dtype == HF_F16)
        static_cast<__half *>(p)[i] = hf_from_float<__half>(v);
    else
        static_cast<__nv_bfloat16 *>(p)[i] = hf_from_float<__nv_bfloat16>(v);
}

/* Thread i: number i of out. */
template <typename T>
__global__ void __launch_bounds__(HF_POINT_THREADS)
conv_direct_kernel(const hf_cuda_conv_direct c)
{
    int64_t n = c.n * c.ho * c.wo * c.n_out, step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) {
        int64_t cell = hf_divide(i, c.n_out), o = i - cell * c.n_out;
        int64_t line = hf_divide(cell, c.wo), picture = hf_divide(line, c.ho);
        float v[1] = { window<T>(c, picture, line - picture * c.ho, cell - line * c.wo, o) };
        if (c.bias)
            v[0] += c.bias[o];
        if (c.residual) {
            float more[1];
            hf_load_as(more, c.residual, c.out_type, i);
            v[0] += more[0];
        }
        hf_activate(v, c.activation);
        store_as(c.out, c.out_type, i, v[0]);
    }
}

extern "C" cudaError_t hf_cuda_conv_direct_launch(const hf_cuda_conv_direct *c, cudaStream_t stream)
{
    int64_t n = c->n * c->ho * c->wo * c->n_out;
    if (n == 0)
        return cudaSuccess;
    HF_FOR_FLOAT(c->type, T,
        HF_LAUNCH((conv_direct_kernel<T>), hf_grid_of(n), HF_POINT_THREADS, 0, stream, *c))
    return cudaGetLastError();
}
