/* vit_names.h - where the arrays of a vision transformer lie in its published files.
 *
 * Canonical names are those of the DINO and DINOv2 repositories (pos_embed, blocks.3.norm1.weight), but for fused matrices,
 * which have a name for each part: blocks.N.attn.{q,k,v} of attn.qkv, blocks.N.mlp.{w1,w2} of mlp.w12.
 * Files may have
 *   - these names, with anything before them: full checkpoints have "teacher." and "student." with "module." and
 *     "backbone."; of several networks in a file the teacher is taken, as DINO's own scripts do
 *   - blocks.C.N.* for blocks.N.* (blocks in chunks)
 *   - the names of Hugging Face's ViTModel, Dinov2Model and Dinov2WithRegistersModel, old and new
 */
#ifndef HF_SRC_NET_VIT_NAMES_H
#define HF_SRC_NET_VIT_NAMES_H

#include "src/weights.h"

typedef struct hf_vit_names {
    char prefix[160]; /* of every array of the network in its file */
} hf_vit_names;

/* HF_EMODEL: no vision transformer in the file. */
int hf_vit_names_find(hf_vit_names *names, const hf_tensor_file *file, hf_error *err);

/* For hf_weights_open; ctx is the hf_vit_names, which must live as long as the weights. */
int hf_vit_rename(hf_weight_place *place, const hf_tensor_file *file, const char *canonical, const void *ctx);

#endif
