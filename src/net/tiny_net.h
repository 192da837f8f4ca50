/* tiny_net.h - the small convolutional network of model `tiny`.
 *
 * Levels of strides 4, 8, 16, 32, each of residual blocks; every level is projected to D channels, brought to
 * stride 8 and summed with learned weights (samples/training/network.py is the same in PyTorch).
 */
#ifndef HF_SRC_NET_TINY_NET_H
#define HF_SRC_NET_TINY_NET_H

#include "src/layers.h"

#define HF_TINY_STRIDE 8

typedef struct hf_tiny_net hf_tiny_net;

/* Channel counts are read from the weights. Returns HF_EMODEL, HF_ENOMEM, HF_EDEVICE. weights is not needed afterwards. */
int  hf_tiny_net_open(hf_tiny_net **out, hf_backend *be, const hf_weights *weights, hf_dtype dtype, hf_error *err);
void hf_tiny_net_close(hf_tiny_net **net);

int     hf_tiny_net_channels(const hf_tiny_net *net); /* D */
int64_t hf_tiny_net_bytes(const hf_tiny_net *net, int width, int height); /* of prepare */

/* Scratch for pictures of this size. The first run with it may still allocate, later ones do not. */
int hf_tiny_net_prepare(hf_tiny_net *net, int width, int height, hf_error *err);

/* out: f32 [h,w,D], h = ceil(H / 8), w = ceil(W / 8), not normalised. rgb: u8 [H,W,3]. Both in the backend's memory. */
int hf_tiny_net_run(hf_tiny_net *net, const hf_tensor *out, const hf_tensor *rgb, hf_error *err);

#endif
