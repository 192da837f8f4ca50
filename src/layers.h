/* layers.h - the parameters of a network's layers: loaded by name, owned together.
 *
 *     hf_layers *layers;
 *     hf_layers_new(&layers, be, weights, HF_F32, err);
 *     hf_layers_conv(layers, &net->conv_in, 320, 4, 3, 1, true, "conv_in");
 *     hf_layers_norm(layers, &net->norm, 320, "%s.norm1", prefix);
 *     if ((rc = hf_layers_status(layers, err)) < 0) ...
 *     hf_layers_free(&layers);       every packed weight and vector
 *
 * The first failure stays; later calls do nothing, so that a network's list of layers needs one check at its end.
 */
#ifndef HF_SRC_LAYERS_H
#define HF_SRC_LAYERS_H

#include "src/backend.h"
#include "src/weights.h"

typedef struct hf_layers hf_layers;

/* A matrix, y = W x + b: hf_ops.linear(be, out, x, l.weight, hf_bias(&l.bias), ...). */
typedef struct hf_linear {
    hf_packed *weight; /* [n_out,n_in] */
    hf_tensor  bias;   /* f32 [n_out]; data NULL: none */
} hf_linear;

typedef struct hf_conv {
    hf_packed       *weight; /* [n_out,n_in,k,k] */
    hf_tensor        bias;
    hf_conv2d_params params; /* stride, padding k/2 on every side; may be changed after loading */
} hf_conv;

typedef struct hf_norm { /* of group_norm and layer_norm */
    hf_tensor gamma, beta; /* f32 [C] */
} hf_norm;

/* weights is borrowed until the last load. dtype: arithmetic of linear and conv (hf_pack_params.dtype). */
int  hf_layers_new(hf_layers **out, hf_backend *be, const hf_weights *weights, hf_dtype dtype, hf_error *err);
/* Type of a network's activations for matrices of type dtype. On the host sums and norms are fast in f32 and linear and
 * conv2d round as they read; elsewhere whatever is read once more is worth half the bytes. */
hf_dtype hf_layers_stream_type(const hf_backend *be, hf_dtype dtype);

void hf_layers_free(hf_layers **layers);

/* HF_OK, or the first failure of the loads so far (HF_EMODEL: also for a layer without channels; HF_ENOMEM, HF_EDEVICE,
 * HF_EUNSUPPORTED: a dtype without arithmetic on this machine). */
int     hf_layers_status(const hf_layers *layers, hf_error *err);
int64_t hf_layers_bytes(const hf_layers *layers); /* of all parameters loaded, as stored in the backend */

/* format: name without ".weight" and ".bias". */
void hf_layers_linear(hf_layers *layers, hf_linear *out, int64_t n_out, int64_t n_in, bool bias, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void hf_layers_conv(hf_layers *layers, hf_conv *out, int64_t n_out, int64_t n_in, int kernel, int stride, bool bias,
                    const char *format, ...) __attribute__((format(printf, 8, 9)));
void hf_layers_norm(hf_layers *layers, hf_norm *out, int64_t n, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Matrices of one input stacked into one, n_out rows each: fused q, k, v. names: n_parts of them, without ".weight". */
void hf_layers_stacked(hf_layers *layers, hf_linear *out, int64_t n_out, int64_t n_in, bool bias, int n_parts,
                       const char *const *names);

/* A linear whose outputs are multiplied by a vector [n_out] of the file named `scale` (a layer scale), which costs
 * nothing when it is done to the matrix and the bias. scale NULL: hf_layers_linear. */
void hf_layers_scaled(hf_layers *layers, hf_linear *out, int64_t n_out, int64_t n_in, bool bias, const char *scale,
                      const char *format, ...) __attribute__((format(printf, 7, 8)));

/* Any array, f32 in the backend's memory. format: the whole name. shape of n_dims. */
void hf_layers_array(hf_layers *layers, hf_tensor *out, int n_dims, const int64_t *shape, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static inline const hf_tensor *hf_bias(const hf_tensor *bias) { return bias->data ? bias : NULL; }

#endif
