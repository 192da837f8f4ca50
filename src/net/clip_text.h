/* clip_text.h - CLIP's text encoder: tokens to the vectors that the U-Net's cross-attention reads.
 *
 * Names and arithmetic of transformers' CLIPTextModel (`text_model.embeddings.token_embedding.weight`,
 * `text_model.encoder.layers.N.self_attn.q_proj`, ..., `text_model.final_layer_norm`); the result is its
 * last_hidden_state. SD 2.x files hold 23 of OpenCLIP's 24 layers: the same code gives the penultimate layer, normed.
 * It runs once a prompt, so it is written to be short, not fast.
 */
#ifndef HF_SRC_NET_CLIP_TEXT_H
#define HF_SRC_NET_CLIP_TEXT_H

#include "src/backend.h"
#include "src/weights.h"

typedef struct hf_clip_text_config {
    int           n_layers;
    int           width;       /* hidden_size */
    int           n_heads;
    int           inner_width; /* intermediate_size */
    int           n_positions; /* max_position_embeddings: tokens of every text */
    int           n_tokens;    /* vocab_size */
    hf_activation activation;  /* HF_ACT_QUICK_GELU (SD 1.x) or HF_ACT_GELU_ERF (SD 2.x) */
    float         epsilon;     /* layer_norm_eps */
} hf_clip_text_config;

#define HF_CLIP_TEXT_SD1 \
    { .n_layers = 12, .width = 768, .n_heads = 12, .inner_width = 3072, .n_positions = 77, .n_tokens = 49408, \
      .activation = HF_ACT_QUICK_GELU, .epsilon = 1e-5f }
#define HF_CLIP_TEXT_SD2 \
    { .n_layers = 23, .width = 1024, .n_heads = 16, .inner_width = 4096, .n_positions = 77, .n_tokens = 49408, \
      .activation = HF_ACT_GELU_ERF, .epsilon = 1e-5f }

/* Sizes from the shapes of the arrays. What cannot be seen there: heads are of 64 channels (one head if the width is not a
 * multiple); the activation is quick_gelu for a width of 768 and below, gelu above. HF_EMODEL: an array that
 * every encoder has is missing. */
int hf_clip_text_config_infer(hf_clip_text_config *config, const hf_weights *weights, hf_error *err);

typedef struct hf_clip_text hf_clip_text;

/* Load the encoder. The weights are borrowed until return; the backend must outlive the network. dtype: arithmetic of
 * the matrices. HF_EMODEL: an array is missing or has another shape, or the config makes no sense. */
int  hf_clip_text_open(hf_clip_text **out, hf_backend *be, const hf_weights *weights, const hf_clip_text_config *config,
                       hf_dtype dtype, hf_error *err);
void hf_clip_text_close(hf_clip_text **text);

/*
 * Encode N texts. Allocates its scratch and frees it.
 *
 *   out  f32 [N,n_positions,width]  backend memory
 *   ids  [N,n_positions] on the host, each 0..n_tokens-1; HF_EARG if one is not
 */
int hf_clip_text_run(hf_clip_text *text, const hf_tensor *out, const int32_t *ids, hf_error *err);

#endif
