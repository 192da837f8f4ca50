/* model.h - feature models: a picture in, one descriptor a cell out. */
#ifndef HF_SRC_MODEL_H
#define HF_SRC_MODEL_H

#include "src/backend.h"
#include "src/hfprop.h"

/* Of those that come with the program, the one that scores highest (tests/bench/README.md). */
#define HF_MODEL_DEFAULT "tiny"

typedef struct hf_model hf_model;

/* What every model fills in. A model is one struct hf_model_<name> whose first
 * member is this one; see src/model_classic.c for the pattern. */
struct hf_model {
    const char *name;
    hf_backend *backend;
    int         stride_px;  /* pixels per cell, both ways; 0: a grid of its own, see `grid` */
    int         n_channels; /* D */
    int         n_layers;   /* that hf_model_params.layer may ask for; 0: none */
    bool        is_light;   /* less work than following a frame: on the host, worth a part of the threads beside that */

    /* Cells for pictures of this size. NULL: h = ceil(height / stride), w = ceil(width / stride), cell (y,x)
     * over pixels [y*s, y*s+s) x [x*s, x*s+s). A model with a grid of its own divides the picture into
     * h x w equal cells of any size (a network that squeezes every picture into 512 x 512, say). */
    void (*grid)(const hf_model *m, int width, int height, int *h, int *w);

    /* Scratch and constants for pictures of this size, before the first extract; again for another size.
     * What adapt has learned stays. */
    int (*prepare)(hf_model *m, int width, int height, hf_error *err);

    /* Learn what the model wants to know of the drawn frame (whitening, say);
     * may be NULL. rgb: u8 [H,W,3] in backend memory. */
    int (*adapt)(hf_model *m, const hf_tensor *rgb, hf_error *err);

    /* features: f32 [h,w,D], unit length in every cell (or all zero);
     * rgb: u8 [H,W,3]; both in backend memory. Allocates nothing. */
    int (*extract)(hf_model *m, hf_tensor *features, const hf_tensor *rgb, hf_error *err);

    /* Several pictures at once, for models that run faster so: hf_model_extract_batch. NULL: one after the other.
     * batch: pictures that prepare makes room for; 0: one. Set with hf_model_set_batch. */
    int (*extract_batch)(hf_model *m, hf_tensor *features, const hf_tensor *rgb, hf_error *err);
    int batch;

    /* Bytes that prepare takes for pictures of this size, and those of the weights. */
    int64_t (*bytes)(const hf_model *m, int width, int height);

    void (*close)(hf_model *m); /* frees m too */
};

/* Open by params->name. The backend must outlive the model. Returns HF_EMODEL for an unknown name (the
 * text lists the known ones) and for weights that are missing or wrong, HF_EARG for a setting
 * that the model does not have. */
int  hf_model_open(hf_model **out, hf_backend *be, const hf_model_params *params, hf_error *err);
void hf_model_close(hf_model **m);

/* A copy that owns its strings, in one block of memory: free(*out). HF_ENOMEM. */
int hf_model_params_copy(hf_model_params **out, const hf_model_params *params, hf_error *err);

/* A number that is the same for the same settings. */
uint64_t hf_model_params_hash(const hf_model_params *params);

/* The arithmetic of a network's matrices that a precision means on a backend. HF_EUNSUPPORTED: not on this processor. */
int hf_model_arithmetic(hf_dtype *out, const hf_backend *be, hf_precision precision, hf_error *err);

/* Kinds of settings in hf_model_params that a model may have; name and device-independent ones apart. */
enum {
    HF_MODEL_HAS_WEIGHTS = 1 << 0, /* weights, precision */
    HF_MODEL_HAS_LAYERS = 1 << 1,  /* layer, all_layers, aggregation */
    HF_MODEL_HAS_FACETS = 1 << 2,  /* facet, stride, bins */
    HF_MODEL_HAS_DIFFUSION = 1 << 3 /* the rest of them: of Stable Diffusion */
};

/* HF_EARG, naming the first setting that is set and is of no kind in `has`. For the opening functions of models. */
int hf_model_check_params(const hf_model_params *params, const char *model, unsigned has, hf_error *err);

/* The cells of its features for pictures of this size, by `grid` or the stride. */
void hf_model_grid(const hf_model *m, int width, int height, int *h, int *w);

/* From the next prepare on, room for n pictures at once, 1 to HF_MAX_BATCH; `bytes` counts them. */
void hf_model_set_batch(hf_model *m, int n);

/*
 * features f32 [N,h,w,D] of rgb u8 [N,H,W,3], as N calls of extract would give them (to rounding: a library may sum in
 * another order). N is 1 to the number that prepare made room for; fewer take as long as all of them.
 */
int hf_model_extract_batch(hf_model *m, hf_tensor *features, const hf_tensor *rgb, hf_error *err);

/* Names and one-line descriptions of the models of this build; NULL-terminated by name. */
typedef struct hf_model_info {
    const char *name;
    const char *what;
} hf_model_info;
const hf_model_info *hf_model_list(void);

#endif
