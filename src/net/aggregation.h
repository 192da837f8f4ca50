/* aggregation.h - the aggregation network of Diffusion Hyperfeatures: many maps into one descriptor a cell.
 *
 *     bottleneck_l(x) = relu(gn(conv3(relu(gn(conv2(relu(gn(conv1(x)))))))) + gn(shortcut(x)))
 *     out = sum over saved steps s and layers l of softmax(mixing_weights)[s,l] * bottleneck_l(x[s,l])
 *
 * x is the tap resized bilinearly to the grid of the result. conv1 and shortcut are 1x1 and linear, so they run
 * before the resize (exact); the norms see the resized map. Names: mixing_weights [steps * layers], step after step;
 * bottleneck_layers.L.0.{conv1,conv2,conv3,shortcut}.weight and .norm.{weight,bias}; no biases. shortcut is missing
 * where C is D already. A run that ends early sums what it has: the direction is what matching sees.
 */
#ifndef HF_SRC_NET_AGGREGATION_H
#define HF_SRC_NET_AGGREGATION_H

#include "src/backend.h"
#include "src/weights.h"

#define HF_AGGREGATION_MAX_LAYERS 16
#define HF_AGGREGATION_MAX_STEPS 1000

typedef struct hf_aggregation hf_aggregation;

/* n_groups: of all norms, 32 in the published network. Layers, channels and D come from the shapes. prefix: what stands
 * before the names in the file ("aggregation_network." or ""). weights are not needed after return.
 * HF_EMODEL: an array is missing, or shapes do not fit. */
int  hf_aggregation_open(hf_aggregation **out, hf_backend *be, const hf_weights *weights, const char *prefix,
                         int n_groups, hf_dtype arithmetic, hf_error *err);
void hf_aggregation_close(hf_aggregation **net);

int     hf_aggregation_n_layers(const hf_aggregation *net);
int     hf_aggregation_n_steps(const hf_aggregation *net); /* saved steps: mixing weights / layers */
int     hf_aggregation_channels(const hf_aggregation *net, int layer); /* of its input */
int     hf_aggregation_n_features(const hf_aggregation *net); /* D */
float   hf_aggregation_mixing(const hf_aggregation *net, int step, int layer); /* after the softmax */
int64_t hf_aggregation_weight_bytes(const hf_aggregation *net);

/* Scratch for N maps on a grid of h x w cells; again for another grid. */
int     hf_aggregation_prepare(hf_aggregation *net, int N, int h, int w, hf_error *err);
int64_t hf_aggregation_scratch_bytes(const hf_aggregation *net, int N, int h, int w); /* what prepare takes */

/* The next add begins a new sum: it overwrites `out`. */
void hf_aggregation_begin(hf_aggregation *net);

/* out f32 [N,h,w,D] += mixing[step,layer] * bottleneck_layer(map); map [N,.,.,C] of at most h * w cells. step: index
 * into the saved steps. */
int hf_aggregation_add(hf_aggregation *net, const hf_tensor *out, const hf_tensor *map, int step, int layer,
                       hf_error *err);

#endif
