/* describe.h - features of single images, for the verbs that compare images: match, warp, pck.
 *
 * An image is scaled (bilinear with antialiasing) to the size at which features are computed: its shorter side to --size,
 * both sides to multiples of the model's cell, so that the grid of features lies exactly over the image. With --square it is
 * squeezed to size x size whatever its shape, as most published evaluations do. A model that brings every
 * picture to one grid by itself gets the image as it is.
 */
#ifndef HF_SRC_CLI_DESCRIBE_H
#define HF_SRC_CLI_DESCRIBE_H

#include "io/frame.h"
#include "io/mask.h"
#include "propagate/match_points.h"
#include "src/hfprop.h"
#include "src/model.h"

#define HF_DESCRIBE_SIZE 480        /* shorter side where nothing is said; smaller images grow to it at most twofold */
#define HF_DESCRIBE_SQUARE_SIZE 512

typedef struct hf_describe_params {
    hf_model_params model;
    const char     *device;     /* as hf_backend_open */
    int             n_threads;  /* 0: one a processor */
    int             size;       /* 0: as above */
    int             is_square;
    const char     *folder;     /* take FOLDER/STEM.npy [h,w,D] for an image STEM.* instead of a model; NULL: do not */
} hf_describe_params;

typedef struct hf_describer hf_describer;

/* What hf_backend_open and hf_model_open return. With `folder`, neither is opened but the backend. */
int  hf_describer_open(hf_describer **out, const hf_describe_params *params, hf_error *err);
void hf_describer_close(hf_describer **describer);

hf_backend *hf_describer_backend(const hf_describer *describer);
const char *hf_describer_model_name(const hf_describer *describer); /* "features of FOLDER" without a model */

int         hf_describer_n_layers(const hf_describer *describer);   /* hf_model.n_layers; 0 without a model */

/* 1 if what an image gives depends on the one that the model has adapted to. */
int hf_describer_adapts(const hf_describer *describer);

/* The size at which features of an image are computed. */
void hf_describer_work_size(const hf_describer *describer, int width, int height, int *work_width, int *work_height);

/* The same in words, for any image: "images squeezed to 512x512". */
void hf_describer_size_text(char *text, size_t size, const hf_describer *describer);

typedef struct hf_description {
    hf_backend    *backend;
    hf_tensor      features; /* f32 [h,w,D] in the backend's memory */
    float         *host;     /* the same on the host */
    hf_feature_map map;      /* of `host`, upsampled to the image's own size */
} hf_description;

typedef struct hf_image {
    char     path[4096];
    int      width, height;
    uint8_t *rgb; /* [H,W,3] */
} hf_image;

/* The first frame of whatever hf_video_in_open reads, in displayed orientation. Its errors. */
int  hf_image_open(hf_image **out, const char *path, hf_error *err);
void hf_image_free(hf_image **image);

/*
 * Features of an image. adapt: the model learns from this image first (always so for the first one).
 * Errors of the model; HF_ENOMEM; of files of features: HF_EIO, HF_EFORMAT (another shape, numbers that are not finite).
 */
int  hf_describe(hf_description *out, hf_describer *describer, const hf_image *image, int adapt, hf_error *err);
void hf_description_free(hf_description *description);

/* HF_EFORMAT where two descriptions have different numbers of channels: files of features may. */
int hf_description_check_pair(const hf_description *a, const hf_description *b, hf_error *err);

/*
 * A mask of one object as an image: a PNG read as every mask is (in this mode; all ids are the object), any other image by its
 * brightness. Brought to width x height.
 *   inside    u8 [H,W]   1 where brightness is half or more
 *   saliency  f32 [H,W]  0..1
 * HF_EARG: another shape than the image, by more than 1 %. HF_EFORMAT: nothing is inside. Errors of the readers.
 */
typedef struct hf_object_mask {
    int      width, height;
    uint8_t *inside;
    float   *saliency;
} hf_object_mask;
int  hf_object_mask_open(hf_object_mask **out, const char *path, int width, int height, hf_mask_mode mode,
                         hf_error *err);
void hf_object_mask_free(hf_object_mask **mask);

/* f32 [h,w] out: means of the saliency over the cells of a grid. */
void hf_object_mask_to_cells(float *cells, const hf_object_mask *mask, int h, int w);

#endif
