/* ops.h - contracts of the arithmetic entries of hf_ops: what networks are made of.
 *
 * Rules for every entry
 *   Arrays are channels last: pictures [N,H,W,C], token sequences [N,L,C]. "Rows" of
 *   a tensor are all its dimensions but the last, flattened.
 *   Float tensors are f32, f16 or bf16, mixed as the caller likes, unless an entry
 *   says f32. Sums and statistics are f32 or wider. `ref` sums in double. `cpu` is
 *   fast where activations are f32: its linear and conv2d convert other types, its
 *   group_norm and layer_norm write any type from f32, its other entries leave them to
 *   the slow loops of `ref`.
 *   Vectors of parameters (bias, gamma, beta) are f32 [C]; NULL leaves them out.
 *   Outputs do not overlap inputs, except where "in place" is written: then out may
 *   be exactly the same memory as that input, with the same type.
 *   Shapes and types that break a contract are asserted. Every entry returns HF_OK, or
 *     HF_ENOMEM       the first call with a new shape found no memory
 *     HF_EDEVICE      a device library refused; the text has call, file and line
 *     HF_EUNSUPPORTED this backend cannot do it on this machine
 *   Only the first call with new shapes may allocate or plan. Run a network once when
 *   it is prepared, and no later call with those shapes allocates.
 */
#ifndef HF_SRC_OPS_H
#define HF_SRC_OPS_H

#include <stdbool.h>
#include "src/error.h"
#include "src/tensor.h"

typedef enum hf_activation {
    HF_ACT_NONE,
    HF_ACT_RELU,
    HF_ACT_SILU,       /* x / (1 + exp(-x)) */
    HF_ACT_GELU_ERF,   /* x/2 (1 + erf(x / sqrt 2)): PyTorch's default */
    HF_ACT_GELU_TANH,  /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
    HF_ACT_QUICK_GELU, /* x / (1 + exp(-1.702 x)): OpenAI's CLIP */
    HF_ACT_GEGLU       /* `linear` only: first half of the outputs * gelu_erf(second half) */
} hf_activation;

/*
 * Weights in the layout in which the backend multiplies fastest: made once at load.
 * A backend's own struct begins with this one, which may be read by anybody.
 */
typedef struct hf_packed {
    hf_dtype dtype;        /* type of the arithmetic: see hf_pack_params */
    int64_t  n_out, n_in;  /* output channels; input channels of one group */
    int64_t  kernel_h, kernel_w; /* 1, 1 for a matrix */
    int64_t  n_groups;
} hf_packed;

/*
 * hf_ops.packed_new(be, out, weight, params, err)
 *
 *   weight   [n_out,n_in] or [n_out,n_in/groups,kernel_h,kernel_w] (PyTorch's order, as
 *            weight files have it); f32, f16 or bf16, in the backend's memory
 *
 * Weights are rounded to params->dtype, and so is every activation as `linear` and
 * `conv2d` read it; products are summed in f32. `weight` is not needed after return.
 * A packed weight belongs to one backend handle; linear and conv2d may change its layout.
 * HF_EUNSUPPORTED where the machine has no fast arithmetic of that type (`cpu`: f16
 * anywhere, bf16 without AVX-512). packed_free takes a pointer to NULL.
 */
typedef struct hf_pack_params {
    hf_dtype dtype;    /* HF_F32, HF_BF16, HF_F16 */
    int64_t  n_groups; /* 0 or 1: an ordinary convolution */
} hf_pack_params;

/*
 * hf_ops.linear(be, out, x, weight, bias, residual, params, err)
 *
 *   out       [..,n_out]  act(x W^t + bias + residual); [..,n_out/2] for HF_ACT_GEGLU
 *   x         [..,n_in]   same number of rows
 *   weight    a matrix, or a 1x1 convolution of one group
 *   bias      f32 [n_out] or NULL
 *   residual  like out, same type, or NULL; may be out itself; not with HF_ACT_GEGLU
 */
typedef struct hf_linear_params {
    hf_activation activation;
} hf_linear_params;

/*
 * hf_ops.conv2d(be, out, x, weight, bias, residual, params, err)
 *
 *   out       [N,Ho,Wo,n_out]  act(conv(x) + bias + residual)
 *   x         [N,H,W,n_in*n_groups]
 *   bias      f32 [n_out] or NULL
 *   residual  like out, same type, or NULL; may be out itself
 *
 * Ho = (H + pad_top + pad_bottom - dilation (kernel_h - 1) - 1) / stride + 1, rounded
 * down: hf_conv2d_out_size. Padding is zeros. Cross-correlation, as in PyTorch.
 */
typedef struct hf_conv2d_params {
    int           stride;   /* 0 means 1 */
    int           dilation; /* 0 means 1 */
    int           pad_top, pad_left, pad_bottom, pad_right;
    hf_activation activation;
} hf_conv2d_params;

int64_t hf_conv2d_out_size(int64_t in, int64_t kernel, int stride, int dilation, int pad_before,
                           int pad_after);

/*
 * hf_ops.matmul(be, out, a, b, params, err): out = alpha op(a) op(b), batched.
 *
 *   out  [..,M,N]   a  [..,M,K], or [..,K,M] with transpose_a
 *                   b  [..,K,N], or [..,N,K] with transpose_b
 * a and b have the same leading dimensions as out; b may have none: one b for all.
 */
typedef struct hf_matmul_params {
    float alpha; /* 0 means 1 */
    bool  transpose_a, transpose_b;
} hf_matmul_params;

/*
 * hf_ops.attention(be, out, q, k, v, params, err): softmax(scale q k^t) v for each head.
 *
 *   out, q  [N,Lq,n_heads*d]     k, v  [N,Lk,n_heads*d]; head j owns channels j*d..j*d+d-1
 *
 * The score matrix is never in memory. Any d; any Lk >= 1.
 */
typedef struct hf_attention_params {
    int   n_heads;
    float scale;  /* 0 means 1/sqrt(d) */
    bool  causal; /* query i sees keys 0..i only (CLIP text); then Lq = Lk */
} hf_attention_params;

/*
 * hf_ops.group_norm(be, out, x, gamma, beta, params, err), in place.
 *
 *   out, x  [N,..,C]; each group of C/n_groups channels of each of the N is brought to
 *           mean 0, variance 1 (divided by n, plus epsilon), then * gamma[c] + beta[c],
 *           then the activation.
 */
typedef struct hf_group_norm_params {
    int           n_groups; /* divides C */
    float         epsilon;
    hf_activation activation;
} hf_group_norm_params;

/* hf_ops.layer_norm(be, out, x, gamma, beta, params, err), in place: the same over the
 * last dimension of every row. */
typedef struct hf_layer_norm_params {
    float epsilon;
} hf_layer_norm_params;

/* hf_ops.softmax(be, out, x, params, err), in place: over the last dimension of every
 * row, of scale * x. A row of -infinity only gives zeros. */
typedef struct hf_softmax_params {
    float scale; /* 0 means 1 */
} hf_softmax_params;

/* hf_ops.l2_normalize(be, out, x, params, err), in place: every row divided by
 * max(its length, epsilon), as PyTorch does; a zero row stays zero. */
typedef struct hf_l2_normalize_params {
    float epsilon; /* 0 means 1e-12 */
} hf_l2_normalize_params;

/* hf_ops.activate(be, out, x, params, err), in place. Not HF_ACT_GEGLU. */
typedef struct hf_activate_params {
    hf_activation activation;
} hf_activate_params;

/*
 * hf_ops.add(be, out, a, b, params, err), in place in a: out = alpha a + beta b.
 * hf_ops.mul(be, out, a, b, err),         in place in a: out = a b.
 *
 * b has the shape of a, or is [C] (one vector for all rows: a bias, a layer scale), or
 * [N,C] where a is [N,..,C] of three or more dimensions (one vector for each picture: a
 * time embedding).
 */
typedef struct hf_add_params {
    float alpha, beta;
} hf_add_params;
#define HF_ADD_DEFAULTS { .alpha = 1, .beta = 1 }

/*
 * hf_ops.copy_channels(be, out, x, params, err): a run of channels of every row of x to
 * a place in every row of out; the other channels of out stay. Same type, same
 * number of rows. Concatenation is one call for each part; a slice is one call.
 */
typedef struct hf_copy_channels_params {
    int64_t to, from, n;
} hf_copy_channels_params;

/* hf_ops.permute(be, out, x, params, err): dimension i of out is dimension axes[i] of x.
 * Any type, the same for both. */
typedef struct hf_permute_params {
    int axes[HF_MAX_DIMS];
} hf_permute_params;

/* hf_ops.cast(be, out, x, err): same shape, another type. To f16 and bf16 rounding is to
 * nearest even; f16 overflows to infinity. To u8: rounded to nearest even, clamped to
 * 0..255. i32 is not taken. */

/* hf_ops.gather_rows(be, out, table, index, err): out[i] = table[index[i]].
 *   out [n,C]   table [rows,C], same type   index i32 [n], each 0..rows-1 (asserted on
 *   the host backends: an index comes from our own tokeniser, never from a file). */

typedef enum hf_resize_kind {
    HF_RESIZE_NEAREST,  /* cell floor(x * scale): PyTorch's "nearest" */
    HF_RESIZE_BILINEAR, /* align_corners = false */
    HF_RESIZE_BICUBIC,  /* align_corners = false, a = -0.75; -0.5 with antialias */
    HF_RESIZE_AREA      /* mean over the area that a new pixel covers */
} hf_resize_kind;

/*
 * hf_ops.resize(be, out, x, params, err): out [N,Ho,Wo,C], x [N,H,W,C].
 *
 * As torch.nn.functional.interpolate: sample centres at (i + 0.5) scale - 0.5 (nearest:
 * floor(i * scale)), positions outside take the border cell.
 * antialias widens the filter of bilinear (a triangle) and bicubic by the scale when
 * making smaller, drops what lies outside, and divides by the sum, as Pillow does.
 */
typedef struct hf_resize_params {
    hf_resize_kind kind;
    bool           antialias;
    double         scale_y, scale_x; /* old cells per new cell; 0: H/Ho, W/Wo. Other values
                                        are for code that rounds (DINO's position grid) */
} hf_resize_params;

/*
 * hf_ops.rgb_to_image(be, out, rgb, params, err)
 *
 *   out  float [Ho,Wo,3]  (resize(rgb) / 255 - mean) / deviation, channel by channel
 *   rgb  u8 [H,W,3]
 */
typedef struct hf_rgb_to_image_params {
    hf_resize_params resize;
    float            mean[3];
    float            deviation[3]; /* 0.5, 0.5, 0.5 with mean 0.5: range -1..1 */
} hf_rgb_to_image_params;

typedef enum hf_pool_kind {
    HF_POOL_MAX,          /* padding never wins */
    HF_POOL_MEAN,         /* over the cells inside the picture only */
    HF_POOL_MEAN_PADDED   /* divided by kernel_h * kernel_w: PyTorch's default */
} hf_pool_kind;

/* hf_ops.pool(be, out, x, params, err): out [N,Ho,Wo,C], x [N,H,W,C]; sizes as conv2d's.
 * Padding is less than the kernel, so that every window holds a cell. */
typedef struct hf_pool_params {
    hf_pool_kind kind;
    int          kernel_h, kernel_w;
    int          stride; /* 0 means 1 */
    int          pad_top, pad_left, pad_bottom, pad_right;
} hf_pool_params;

#endif
