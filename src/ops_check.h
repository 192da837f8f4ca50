/* ops_check.h - the shape and type rules of src/ops.h as assertions, for every backend.
 *
 * A backend calls the check of an entry first. Broken rules are mistakes of our own
 * code: the check asserts, so it returns nothing.
 */
#ifndef HF_SRC_OPS_CHECK_H
#define HF_SRC_OPS_CHECK_H

#include "src/backend.h"

/* Last dimension, and the product of the others. */
int64_t hf_tensor_channels(const hf_tensor *t);
int64_t hf_tensor_rows(const hf_tensor *t);
bool    hf_same_shape(const hf_tensor *a, const hf_tensor *b);

void hf_check_pack(const hf_tensor *weight, const hf_pack_params *params);
void hf_check_linear(const hf_tensor *out, const hf_tensor *x, const hf_packed *weight,
                     const hf_tensor *bias, const hf_tensor *residual,
                     const hf_linear_params *params);
void hf_check_conv2d(const hf_tensor *out, const hf_tensor *x, const hf_packed *weight,
                     const hf_tensor *bias, const hf_tensor *residual,
                     const hf_conv2d_params *params);

/* Sizes of a checked matmul; one_b: every batch uses the same b. */
typedef struct hf_matmul_sizes {
    int64_t batch, m, n, k;
    bool    one_b;
} hf_matmul_sizes;
hf_matmul_sizes hf_check_matmul(const hf_tensor *out, const hf_tensor *a, const hf_tensor *b,
                                const hf_matmul_params *params);

/* Sizes of a checked attention; scale is never 0. */
typedef struct hf_attention_sizes {
    int64_t n, l_q, l_k, channels, d;
    float   scale;
} hf_attention_sizes;
hf_attention_sizes hf_check_attention(const hf_tensor *out, const hf_tensor *q, const hf_tensor *k,
                                      const hf_tensor *v, const hf_attention_params *params);

/* out and x of one shape, float; parameter vectors f32 [C] or NULL. */
void hf_check_rows(const hf_tensor *out, const hf_tensor *x, const hf_tensor *gamma,
                   const hf_tensor *beta);
void hf_check_group_norm(const hf_tensor *out, const hf_tensor *x, const hf_tensor *gamma,
                         const hf_tensor *beta, const hf_group_norm_params *params);

/* For `add` and `mul`: how many rows of a one row of b serves; 1: b is like a. */
int64_t hf_check_broadcast(const hf_tensor *out, const hf_tensor *a, const hf_tensor *b);

void hf_check_copy_channels(const hf_tensor *out, const hf_tensor *x,
                            const hf_copy_channels_params *params);
void hf_check_permute(const hf_tensor *out, const hf_tensor *x, const hf_permute_params *params);
void hf_check_cast(const hf_tensor *out, const hf_tensor *x);
void hf_check_gather(const hf_tensor *out, const hf_tensor *table, const hf_tensor *index);
void hf_check_resize(const hf_tensor *out, const hf_tensor *x, const hf_resize_params *params);
void hf_check_rgb_to_image(const hf_tensor *out, const hf_tensor *rgb,
                           const hf_rgb_to_image_params *params);
void hf_check_pool(const hf_tensor *out, const hf_tensor *x, const hf_pool_params *params);
void hf_check_classic_raw(const hf_tensor *out, const hf_tensor *rgb, const hf_classic_raw *raw);

#endif
