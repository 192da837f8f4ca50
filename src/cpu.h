/* cpu.h - what the files of the `cpu` backend share; private to it.
 *
 * State of the backend: the oneDNN engine, plans (one prepared primitive for each shape
 * that was seen) and a few scratch buffers that only grow. After the first run of a
 * network nothing grows any more: hf_cpu_n_growths says so to a test.
 */
#ifndef HF_SRC_CPU_H
#define HF_SRC_CPU_H

#include <dnnl.h>
#include "src/ref.h"

/* One buffer for each use, so that an operation may hold several at a time. */
typedef enum hf_cpu_slot {
    HF_CPU_LIBRARY, /* oneDNN's scratchpad */
    HF_CPU_INPUT,   /* an input in another type */
    HF_CPU_OUTPUT,  /* an output before its type is changed */
    HF_CPU_WORK,    /* partial sums, blocks, tables */
    HF_CPU_N_SLOTS
} hf_cpu_slot;

typedef struct hf_cpu_plan hf_cpu_plan; /* cpu_plan.c */

typedef struct hf_cpu {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    hf_cpu_plan  *plans;
    int64_t       n_growths; /* plans made, layouts made, buffers enlarged */
    struct {
        void  *data;
        size_t bytes;
    } scratch[HF_CPU_N_SLOTS];
} hf_cpu;

static inline hf_cpu *hf_cpu_of(hf_backend *be)
{
    return be->ctx;
}

/* At least `bytes` of a slot, aligned to 64; contents undefined. NULL sets err. */
void *hf_cpu_scratch(hf_backend *be, hf_cpu_slot slot, size_t bytes, hf_error *err);

/* Allocations of any kind since the backend was opened. */
int64_t hf_cpu_n_growths(hf_backend *be);

/* OpenMP's number of threads belongs to the calling thread. oneDNN reads it, and a
 * primitive must run with the number it was made with: sets it for the caller. */
void hf_cpu_use_threads(hf_backend *be);

/* Loops shorter than this are not worth waking the other threads. */
#define HF_CPU_PARALLEL_FROM 16384

/* Every oneDNN call goes through here: HF_OK, or an error with call, file and line. */
int hf_dnnl_check(dnnl_status_t status, const char *call, const char *file, int line,
                  hf_error *err);
#define HF_DNNL(call, err) hf_dnnl_check((call), #call, __FILE__, __LINE__, err)

dnnl_data_type_t hf_cpu_dnnl_type(hf_dtype dtype);

/* A weight's dimensions as oneDNN wants them, groups in front where there are any.
 * Returns how many. */
int hf_cpu_weight_dims(dnnl_dims_t dims, const hf_packed *w);

/* The weight in the layout md: found, or made from the one it has. Stays the weight's. */
int hf_cpu_packed_layout(hf_backend *be, dnnl_memory_t *out, hf_packed *packed,
                         const dnnl_memory_desc_t *md, hf_error *err);

/* Everything that a primitive depends on. All int64_t: no padding, memcmp compares it. */
typedef struct hf_cpu_conv_key {
    int64_t n, H, W, Ho, Wo, C, n_out, kernel_h, kernel_w, n_groups;
    int64_t stride, dilation, pad_top, pad_left, pad_bottom, pad_right;
    int64_t activation, has_bias, has_residual, in_type, out_type, n_threads;
} hf_cpu_conv_key;

/* dst of out_type, with the residual in it already; src of in_type. The first run of a
 * key makes its plan. */
int hf_cpu_conv_run(hf_backend *be, void *dst, const void *src, hf_packed *weight,
                    const hf_tensor *bias, const hf_cpu_conv_key *key, hf_error *err);

void hf_cpu_plans_free(hf_cpu *cpu);

/* The same for the 3x3 convolutions that cpu_winograd.c does faster, which `fits` tells: those write f32. */
bool hf_cpu_winograd_fits(const hf_cpu_conv_key *key);
int  hf_cpu_winograd_run(hf_backend *be, float *dst, const void *src, hf_packed *weight, const hf_tensor *bias,
                         const hf_cpu_conv_key *key, hf_error *err);

/* Row-major C = alpha op(A) op(B) + beta C; leading dimensions are row steps. Runs on
 * one thread inside a parallel region, on all outside. */
void hf_cpu_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                  const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                  int64_t ldc);

/* out[i] = x[i] in another type; float types and u8, as hf_ops.cast. */
void hf_cpu_convert(hf_backend *be, void *out, hf_dtype out_type, const void *x, hf_dtype x_type,
                    int64_t n);

/* The same for at most 8192 numbers on the calling thread; through f32 where neither side is. */
void hf_cpu_convert_run(void *out, hf_dtype out_type, const void *x, hf_dtype x_type, int64_t n);

/* out = act(x) for n numbers, on the calling thread; in place allowed. */
void hf_cpu_activate_run(float *out, const float *x, int64_t n, hf_activation kind);

int  hf_cpu_packed_new(hf_backend *, hf_packed **, const hf_tensor *, const hf_pack_params *,
                       hf_error *);
void hf_cpu_packed_free(hf_backend *, hf_packed **);
int  hf_cpu_linear(hf_backend *, const hf_tensor *, const hf_tensor *, hf_packed *,
                   const hf_tensor *, const hf_tensor *, const hf_linear_params *, hf_error *);
int  hf_cpu_conv2d(hf_backend *, const hf_tensor *, const hf_tensor *, hf_packed *,
                   const hf_tensor *, const hf_tensor *, const hf_conv2d_params *, hf_error *);
int  hf_cpu_matmul(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *,
                   const hf_matmul_params *, hf_error *);
int  hf_cpu_attention(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *,
                      const hf_tensor *, const hf_attention_params *, hf_error *);
int  hf_cpu_group_norm(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *,
                       const hf_tensor *, const hf_group_norm_params *, hf_error *);
int  hf_cpu_layer_norm(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *,
                       const hf_tensor *, const hf_layer_norm_params *, hf_error *);
int  hf_cpu_softmax(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_softmax_params *,
                    hf_error *);
int  hf_cpu_l2_normalize(hf_backend *, const hf_tensor *, const hf_tensor *,
                         const hf_l2_normalize_params *, hf_error *);
int  hf_cpu_activate(hf_backend *, const hf_tensor *, const hf_tensor *,
                     const hf_activate_params *, hf_error *);
int  hf_cpu_add(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *,
                const hf_add_params *, hf_error *);
int  hf_cpu_mul(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *, hf_error *);
int  hf_cpu_copy_channels(hf_backend *, const hf_tensor *, const hf_tensor *,
                          const hf_copy_channels_params *, hf_error *);
int  hf_cpu_permute(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_permute_params *,
                    hf_error *);
int  hf_cpu_cast(hf_backend *, const hf_tensor *, const hf_tensor *, hf_error *);
int  hf_cpu_resize(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_resize_params *,
                   hf_error *);
int  hf_cpu_rgb_to_image(hf_backend *, const hf_tensor *, const hf_tensor *,
                         const hf_rgb_to_image_params *, hf_error *);
int  hf_cpu_pool(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_pool_params *,
                 hf_error *);
int  hf_cpu_classic_raw(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_classic_raw *, hf_error *);

#endif
