/* features_picture.h - features as colours: a column for every image, a row for every layer.
 *
 * The first three principal components of all images of a row together are red, green and blue, so that equal
 * colours mean equal descriptors across the row. The top row shows the images themselves. As in figure 8 of the
 * supplement of Diffusion Hyperfeatures.
 */
#ifndef HF_SRC_CLI_FEATURES_PICTURE_H
#define HF_SRC_CLI_FEATURES_PICTURE_H

#include "src/cli/describe.h"

typedef struct hf_features_picture hf_features_picture;

/* n_rows: of features. HF_ENOMEM. */
int  hf_features_picture_new(hf_features_picture **out, int n_images, int n_rows, hf_error *err);
void hf_features_picture_free(hf_features_picture **picture);

/* Image number i, shown in the top row. Once each, before the features. HF_ENOMEM. */
int hf_features_picture_add_image(hf_features_picture *picture, int i, const hf_image *image, hf_error *err);

/* Take the features of image number i for the row that is being made; `features` keeps no host memory. */
void hf_features_picture_take(hf_features_picture *picture, int i, hf_description *features);

/* All images' features are there: make the row of them, and begin the next. Needs 3 channels or more: HF_EARG. HF_ENOMEM. */
int hf_features_picture_end_row(hf_features_picture *picture, hf_error *err);

/* The share of the variance that the colours of a finished row hold, 0..1. */
double hf_features_picture_share(const hf_features_picture *picture, int row);

/* HF_EARG: larger than a PNG may be; what hf_png_write returns. */
int hf_features_picture_write(const hf_features_picture *picture, const char *path, hf_error *err);

#endif
