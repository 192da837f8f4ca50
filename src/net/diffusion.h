/* diffusion.h - latents through the steps of the diffusion, and the decoder's maps of the steps that are saved.
 *
 * Inversion begins with the latent of a picture and adds what the network sees; generation begins with noise and
 * takes it away. Each visit (ddim.h) is one pass of the U-Net, two with guidance:
 *     e = e_negative + guidance (e_prompt - e_negative); maps are those of the pass with the prompt.
 * Nothing is done that neither a saved map nor the latent at the end needs.
 */
#ifndef HF_SRC_NET_DIFFUSION_H
#define HF_SRC_NET_DIFFUSION_H

#include "src/net/ddim.h"
#include "src/net/unet.h"

typedef struct hf_diffusion_params {
    hf_ddim_direction direction;
    hf_prediction     prediction;
    int               n_steps;  /* of the schedule, 1..1000 */
    int               n_run;    /* visits made; 0: up to the last saved one, or all where the end is wanted */
    const int        *labels;   /* of the saved visits (ddim.h); copied. In any order, no label twice */
    int               n_labels;
    unsigned          branches; /* bit i: decoder ResNet i is wanted of each saved visit */
    float             guidance; /* 0: none, and no negative prompt */
} hf_diffusion_params;

typedef struct hf_diffusion hf_diffusion;

/*
 * Constants of all visits. The network and the prompts are borrowed for the life of the diffusion; negative is NULL without
 * guidance. HF_EARG: a number of steps or a label out of range, a label that is not reached, guidance without a
 * negative prompt.
 */
int  hf_diffusion_new(hf_diffusion **out, hf_unet *net, const hf_diffusion_params *params, const hf_unet_prompt *prompt,
                      const hf_unet_prompt *negative, hf_error *err);
void hf_diffusion_free(hf_diffusion **d);

/* How many visits a run makes, and how many of them are saved. */
int hf_diffusion_n_run(const hf_diffusion *d);
int hf_diffusion_n_saved(const hf_diffusion *d);

/* Scratch for N latents of h x w cells, the network's included. */
int     hf_diffusion_prepare(hf_diffusion *d, int N, int h, int w, hf_error *err);
int64_t hf_diffusion_bytes(hf_diffusion *d, int N, int h, int w);

/* One map of one saved visit. saved: index into params.labels; map [N,.,.,C] is valid during the call only. */
typedef struct hf_diffusion_sink {
    int (*take)(void *ctx, int saved, int branch, const hf_tensor *map, hf_error *err);
    void *ctx;
} hf_diffusion_sink;

/*
 * Run. latent [N,h,w,4] f32 is what it begins with. end [N,h,w,4]: the latent behind the last visit; NULL: not wanted,
 * which saves the rest of the last pass. sink may be NULL.
 */
int hf_diffusion_run(hf_diffusion *d, const hf_tensor *end, const hf_tensor *latent, const hf_diffusion_sink *sink,
                     hf_error *err);

#endif
