/* keypoints.h - pairs of images with key points that belong together, from the files of public data sets.
 *
 *   reduced JSON   an array of {"source_path", "target_path", "source_points", "target_points",
 *                  "target_bounding_box", ...}: diffusion-hyperfeatures
 *   SPair-71k      ROOT/PairAnnotation/SPLIT/NAME.json, names listed in ROOT/Layout/large/SPLIT.txt; a folder of
 *                  such JSON files; or one of them
 *   PF-PASCAL      CSV: source_image,target_image,class,XA,YA,XB,YB with "x;x;x" lists
 *   PF-WILLOW      CSV: imageA,imageB, then XA1..XA10, YA1..YA10, XB1..XB10, YB1..YB10
 *   CUB-200-2011   ROOT/images.txt, parts/part_locs.txt, bounding_boxes.txt, image_class_labels.txt,
 *                  train_test_split.txt; which images are paired: see hf_keypoints_params
 *
 * Coordinates are taken as the files have them: pixels of the image file, x to the right, y down. Only
 * key points that both images of a pair have are kept.
 */
#ifndef HF_IO_KEYPOINTS_H
#define HF_IO_KEYPOINTS_H

#include "src/error.h"

typedef enum hf_keypoints_layout {
    HF_KEYPOINTS_REDUCED,
    HF_KEYPOINTS_SPAIR,
    HF_KEYPOINTS_PF_PASCAL,
    HF_KEYPOINTS_PF_WILLOW,
    HF_KEYPOINTS_CUB
} hf_keypoints_layout;

typedef struct hf_keypoint_side {
    char   *image;         /* name of the file as the annotation has it, relative */
    double *xy;            /* [n,2] */
    double  box[4];        /* left, top, right, bottom; with has_box */
    int     has_box;
    int     width, height; /* of the image; 0: the annotation does not say */
} hf_keypoint_side;

typedef struct hf_keypoint_pair {
    hf_keypoint_side source, target;
    int              n;        /* key points, 1 or more */
    char            *category; /* "" if there is none */
} hf_keypoint_pair;

typedef struct hf_keypoints {
    hf_keypoints_layout layout;
    const char         *layout_name; /* "SPair-71k" */
    char                split[32];   /* "test", or "" where the layout has none */
    int                 n;
    hf_keypoint_pair   *pairs;
    int                 n_skipped;   /* pairs without a key point that both images have */
} hf_keypoints;

/* CUB has no list of pairs: `pairs_path` names a file of two image ids or names a line; without it, each image of
 * the split is paired with the next one of its class (in the order of images.txt). */
typedef struct hf_keypoints_params {
    const char *split;      /* SPair-71k: a folder of PairAnnotation; CUB: "test", "train" or "all". NULL: "test" */
    const char *pairs_path; /* CUB only */
} hf_keypoints_params;

#define HF_KEYPOINTS_MAX_POINTS 4096 /* of one pair */

/*
 * Read all pairs; the layout is told by content. No image is opened. params may be NULL. On failure *out is NULL.
 *
 * HF_EIO: cannot be opened or read. HF_EFORMAT: none of the layouts, broken JSON (with line and
 * column), a field that is missing or of a wrong type, lists of different lengths, a number that is not finite,
 * a box without area, an image's name that is empty, absolute or leads upward, a list that names what is not there,
 * no pairs at all. HF_EARG: an option that this layout has no use for. HF_ENOMEM.
 * Texts name the file and the entry or line.
 */
int  hf_keypoints_read(hf_keypoints **out, const char *path, const hf_keypoints_params *params, hf_error *err);
void hf_keypoints_free(hf_keypoints **keypoints);

/*
 * The file of an image: the longest end of its name ("a/b/c.jpg", "b/c.jpg", "c.jpg") that is there
 * under `folder`. path[size]. HF_EIO if none is, HF_EARG if the name is too long.
 */
int hf_keypoints_find_image(char *path, int size, const char *folder, const char *image, hf_error *err);

#endif
