/* model_sd_parts.h - what model_sd.c, which computes, and model_sd_open.c, which opens, share. */
#ifndef HF_SRC_MODEL_SD_PARTS_H
#define HF_SRC_MODEL_SD_PARTS_H

#include "src/model.h"
#include "src/net/diffusion.h"
#include "src/recorder.h"
#include "src/sd_encoder.h"
#include "src/sd_settings.h"

typedef struct hf_model_sd {
    hf_model        base; /* first: callers hold this one */
    hf_sd_settings  s;
    hf_sd_encoder  *encoder;
    hf_unet        *unet;
    hf_aggregation *aggregation; /* HYPERFEATURES */
    hf_unet_prompt *prompt, *negative;
    hf_diffusion   *diffusion; /* all but DIFT */
    hf_diffusion   *there;     /* GENERATION: the inversion before it */
    hf_unet_times  *times;     /* DIFT: its one step */
    float           noise_factor, picture_factor; /* DIFT: sqrt(1 - a), sqrt(a) */

    int             N, width, height; /* prepared for: pictures of this size */
    int             H, W;            /* pixels that the network sees */
    int             h, w;            /* cells of the latent */
    int             map_h, map_w;    /* cells of the features before padding is cut off */
    hf_tensor       noise;           /* f32 [n,h,w,4]: of DIFT's ensemble, or the start of NOISE */
    hf_arena       *scratch;
    hf_tensor       rgb;             /* u8 [N,height,width,3]: the pictures of a run, always at the same address */
    hf_tensor       sum;             /* [N,map_h,map_w,D] during a run */
    hf_recorder     recorder;
} hf_model_sd;

/* Name, sizes and functions of m->base, once the networks and the settings are there. */
void hf_model_sd_fill(hf_model_sd *m, const hf_preset *preset);

/* hf_model.close, at any stage of opening. */
void hf_model_sd_close(hf_model *model);

#endif
