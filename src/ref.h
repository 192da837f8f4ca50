/* ref.h - the entries of the `ref` backend and what they share; private to backends.
 *
 * The contracts are those of src/ops.h. Another host backend may put these functions
 * into its own table.
 */
#ifndef HF_SRC_REF_H
#define HF_SRC_REF_H

#include "src/backend.h"
#include "src/half.h"

/* Element i of a float or u8 tensor; the rounding of hf_put is that of hf_ops.cast. */
double hf_get(const hf_tensor *t, int64_t i);
void   hf_put(const hf_tensor *t, int64_t i, double value);

/* value rounded to a float type, as packed weights and their inputs are. */
double hf_round_to(hf_dtype dtype, double value);

/* Element of an optional parameter vector. */
double hf_get_or(const hf_tensor *vector, int64_t i, double otherwise);

double hf_activation_of(hf_activation kind, double x);

/* A `ref` or `cpu` packed weight: f32 values in PyTorch's order, already rounded. */
typedef struct hf_ref_packed {
    hf_packed head;
    float    *data; /* [n_out,n_in,kernel_h,kernel_w] */
} hf_ref_packed;

int  hf_ref_packed_new(hf_backend *, hf_packed **, const hf_tensor *, const hf_pack_params *,
                       hf_error *);
void hf_ref_packed_free(hf_backend *, hf_packed **);
int  hf_ref_linear(hf_backend *, const hf_tensor *, const hf_tensor *, hf_packed *,
                   const hf_tensor *, const hf_tensor *, const hf_linear_params *, hf_error *);
int  hf_ref_conv2d(hf_backend *, const hf_tensor *, const hf_tensor *, hf_packed *,
                   const hf_tensor *, const hf_tensor *, const hf_conv2d_params *, hf_error *);
int  hf_ref_matmul(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *,
                   const hf_matmul_params *, hf_error *);
int  hf_ref_attention(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *,
                      const hf_tensor *, const hf_attention_params *, hf_error *);
int  hf_ref_group_norm(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *,
                       const hf_tensor *, const hf_group_norm_params *, hf_error *);
int  hf_ref_layer_norm(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *,
                       const hf_tensor *, const hf_layer_norm_params *, hf_error *);
int  hf_ref_softmax(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_softmax_params *,
                    hf_error *);
int  hf_ref_l2_normalize(hf_backend *, const hf_tensor *, const hf_tensor *,
                         const hf_l2_normalize_params *, hf_error *);
int  hf_ref_activate(hf_backend *, const hf_tensor *, const hf_tensor *,
                     const hf_activate_params *, hf_error *);
int  hf_ref_add(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *,
                const hf_add_params *, hf_error *);
int  hf_ref_mul(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *, hf_error *);
int  hf_ref_copy_channels(hf_backend *, const hf_tensor *, const hf_tensor *,
                          const hf_copy_channels_params *, hf_error *);
int  hf_ref_permute(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_permute_params *,
                    hf_error *);
int  hf_ref_cast(hf_backend *, const hf_tensor *, const hf_tensor *, hf_error *);
int  hf_ref_gather_rows(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_tensor *,
                        hf_error *);
int  hf_ref_resize(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_resize_params *,
                   hf_error *);
int  hf_ref_rgb_to_image(hf_backend *, const hf_tensor *, const hf_tensor *,
                         const hf_rgb_to_image_params *, hf_error *);
int  hf_ref_pool(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_pool_params *,
                 hf_error *);
int  hf_ref_classic_raw(hf_backend *, const hf_tensor *, const hf_tensor *, const hf_classic_raw *, hf_error *);

#endif
