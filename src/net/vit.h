/* vit.h - vision transformers as DINO and DINOv2 have them: tokens, keys, queries or values of any layer.
 *
 *   x_0     = [class token; registers; patches W_p + b_p + positions]
 *   y       = x + s1 * proj(attention(norm1(x)))
 *   x_l     = y + s2 * mlp(norm2(y))                 s1, s2: layer scale, folded into proj and mlp at load
 *   mlp     = fc2(gelu(fc1(.))), or w3(silu(w1(.)) * w2(.)) in the giant one
 *
 * Sizes are read from the shapes of the weights. Position embeddings are brought to other grids as the repositories
 * do it: bicubic with the scale side / (cells + 0.1), which is not quite the grid's own; with registers, bicubic
 * with antialiasing and the grid's own scale. No dropout, no masks, no classifier.
 */
#ifndef HF_SRC_NET_VIT_H
#define HF_SRC_NET_VIT_H

#include "src/backend.h"
#include "src/weights.h"

typedef enum hf_vit_facet {
    HF_VIT_TOKEN, /* a block's output under the network's last norm: get_intermediate_layers of DINO and DINOv2 */
    HF_VIT_RAW,   /* a block's output as it is: "token" of dino-vit-features */
    HF_VIT_KEY,   /* of the block's attention, heads side by side */
    HF_VIT_QUERY,
    HF_VIT_VALUE
} hf_vit_facet;

typedef struct hf_vit_params {
    hf_dtype dtype;     /* arithmetic of the matrices */
    int      n_heads;   /* 0: width / 64, as all published networks have it */
    int      stride_px; /* from patch to patch; 0: the patch. Divides the patch; smaller: patches overlap */
} hf_vit_params;

typedef struct hf_vit_sizes {
    int  width, depth, n_heads, hidden;
    int  patch_px, stride_px;
    int  n_registers, side; /* side: cells of the grid that position embeddings were learnt on */
    bool swiglu, layer_scale;
} hf_vit_sizes;

/* Sizes from the shapes alone, without loading. HF_EMODEL, HF_EARG: as hf_vit_new. */
int hf_vit_sizes_read(hf_vit_sizes *sizes, const hf_weights *weights, const hf_vit_params *params, hf_error *err);

typedef struct hf_vit hf_vit;

/* weights under the canonical names of vit_names.h; not needed after return. HF_EMODEL: missing arrays, shapes that do
 * not go together, a stride that does not divide the patch (HF_EARG). */
int  hf_vit_new(hf_vit **out, hf_backend *be, const hf_weights *weights, const hf_vit_params *params, hf_error *err);
void hf_vit_free(hf_vit **vit);

const hf_vit_sizes *hf_vit_get_sizes(const hf_vit *vit);

/* Cells of a picture: floor((H - patch) / stride) + 1 of each side; 0 where it is smaller than a patch. */
void hf_vit_grid(const hf_vit *vit, int width, int height, int *h, int *w);

/* Scratch and positions for pictures of this size; again for another. HF_EARG: smaller than a patch. */
int hf_vit_prepare(hf_vit *vit, int width, int height, hf_error *err);

/* Bytes that prepare takes for pictures of this size. */
int64_t hf_vit_bytes(const hf_vit *vit, int width, int height);

/* What to bring out of a run. */
typedef struct hf_vit_tap {
    int          layer; /* 1..depth */
    hf_vit_facet facet;
    hf_tensor    out;   /* f32 [h,w,width] of the patches, without class token and registers */
} hf_vit_tap;

/* image: f32 [H,W,3], already less ImageNet's mean and divided by its deviation. Stops after the last layer that a tap
 * wants. Taps in any order. Allocates nothing once it has run for this size. */
int hf_vit_run(hf_vit *vit, const hf_tensor *image, const hf_vit_tap *taps, int n_taps, hf_error *err);

#endif
