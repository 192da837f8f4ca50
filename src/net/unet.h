/* unet.h - the U-Net of Stable Diffusion 1.x and 2.x.
 *
 *     hf_unet_config_read(&config, weights, &err);
 *     hf_unet_open(&net, be, weights, &config, HF_F32, &err);
 *     hf_unet_prompt_new(&prompt, net, embedding, &err);             cross-attention K and V, once
 *     hf_unet_times_new(&times, net, (int[]){ -1, 0, 20 }, 3, &err); time projections, once
 *     hf_unet_prepare(net, N, h, w, &err);
 *     hf_unet_run(net, &noise, &latent, prompt, times, 0, &taps, &err);
 *
 * Names of the arrays are those of diffusers' UNet2DConditionModel. Latents are [N,h,w,4] (channels last), 8 x 8 pixels
 * a cell. The network is that of diffusers; nothing is left out but what no tap needs. Not here: more than one
 * transformer block a layer, class embeddings, extra time embeddings (SDXL and others): refused.
 */
#ifndef HF_SRC_NET_UNET_H
#define HF_SRC_NET_UNET_H

#include "src/backend.h"
#include "src/weights.h"

#define HF_UNET_MAX_LEVELS 4
#define HF_UNET_MAX_TAPS 16 /* decoder ResNets: 12 in SD 1.x and 2.x */

typedef struct hf_unet_config {
    int  n_levels;                      /* resolutions: 4; h and w are multiples of 2^(n_levels-1) */
    int  channels[HF_UNET_MAX_LEVELS];  /* block_out_channels: 320, 640, 1280, 1280 */
    int  n_heads[HF_UNET_MAX_LEVELS];   /* SD 1.x: 8 everywhere; 2.x: 5, 10, 20, 20 (config.json: attention_head_dim) */
    bool attention[HF_UNET_MAX_LEVELS]; /* the level has transformers: all but the last */
    int  n_layers;                      /* ResNets of a level on the way down; one more on the way up */
    int  n_latent;                      /* channels of the latent: 4 */
    int  context_dim;                   /* width of the text embedding: 768, 1024 */
    int  n_groups;                      /* of all group norms: 32 (config.json: norm_num_groups) */
} hf_unet_config;

/*
 * Everything from the shapes of the arrays. What shapes do not tell gets the value of the published models: 32 groups;
 * 8 heads for a context of 768, else heads of 64 channels. Callers that know better (config.json) overwrite those two.
 * HF_EMODEL: not a U-Net of this family.
 */
int hf_unet_config_read(hf_unet_config *config, const hf_weights *weights, hf_error *err);

typedef struct hf_unet        hf_unet;
typedef struct hf_unet_prompt hf_unet_prompt; /* constants of one text embedding */
typedef struct hf_unet_times  hf_unet_times;  /* constants of a list of time steps */

/* arithmetic: of matrices and convolutions (hf_pack_params.dtype); activations: hf_layers_stream_type. weights are not needed after return.
 * HF_EMODEL: an array is missing or has another shape; HF_EARG: a configuration that cannot be. */
int  hf_unet_open(hf_unet **out, hf_backend *be, const hf_weights *weights, const hf_unet_config *config,
                  hf_dtype arithmetic, hf_error *err);
void hf_unet_close(hf_unet **net);

const hf_unet_config *hf_unet_get_config(const hf_unet *net);
hf_backend           *hf_unet_get_backend(const hf_unet *net);
int64_t               hf_unet_weight_bytes(const hf_unet *net);

/* Decoder ResNets, counted from 0 in the order of up_blocks.0.resnets.0, .1, ..; and their channels. */
int hf_unet_n_branches(const hf_unet_config *config);
int hf_unet_branch_channels(const hf_unet_config *config, int branch);
/* Of up block i, output channels; cells of its ResNets: h >> shift. */
int hf_unet_block_channels(const hf_unet_config *config, int block);
int hf_unet_block_shift(const hf_unet_config *config, int block);

/* embedding: f32 [L,context_dim] in the backend's memory, not needed after return. One embedding serves all N pictures. */
int  hf_unet_prompt_new(hf_unet_prompt **out, hf_unet *net, const hf_tensor *embedding, hf_error *err);
void hf_unet_prompt_free(hf_unet_prompt **prompt);

/* Time steps may be any whole numbers; -1 is the first of DDIM inversion. */
int  hf_unet_times_new(hf_unet_times **out, hf_unet *net, const int *steps, int n, hf_error *err);
void hf_unet_times_free(hf_unet_times **times);

/* Scratch for N latents of h x w cells; again for another size. Returns HF_EARG where a size is no multiple of
 * 2^(n_levels-1), HF_ENOMEM. */
int     hf_unet_prepare(hf_unet *net, int N, int h, int w, hf_error *err);
int64_t hf_unet_scratch_bytes(hf_unet *net, int N, int h, int w); /* what prepare takes; 0 for a wrong size */

/* What is wanted of a run besides the noise. Each map is handed over as it is produced, is valid during the call
 * only, and must not be written to. A negative return ends the run with it. */
typedef struct hf_unet_taps {
    unsigned branches; /* bit i: decoder ResNet i, the branch after conv2, before the residual is added */
    unsigned blocks;   /* bit i: output of up block i, behind its upsampler */
    int (*take_branch)(void *ctx, int branch, const hf_tensor *map, hf_error *err); /* map [N,.,.,C], of the activations' type */
    int (*take_block)(void *ctx, int block, const hf_tensor *map, hf_error *err);
    void *ctx;
} hf_unet_taps;

/*
 * One pass. noise [N,h,w,4] f32: what the network predicts (noise or v), or NULL: the pass ends behind the last tap.
 * latent [N,h,w,4] f32. step: index into times. taps may be NULL. Allocates nothing after the first run of a shape.
 */
int hf_unet_run(hf_unet *net, const hf_tensor *noise, const hf_tensor *latent, const hf_unet_prompt *prompt,
                const hf_unet_times *times, int step, const hf_unet_taps *taps, hf_error *err);

#endif
