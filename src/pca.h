/* pca.h - the first principal components of rows of numbers: what is shown of features as colours.
 *
 * The rows may lie in several blocks (one an image), which are taken together: one mean, one set of directions. The
 * eigenvectors of the covariance are found by subspace iteration, without the covariance itself.
 */
#ifndef HF_SRC_PCA_H
#define HF_SRC_PCA_H

#include <stdint.h>
#include "src/error.h"

#define HF_PCA_MAX 8

typedef struct hf_pca_block {
    const float *rows; /* [n,D] */
    int64_t      n;
} hf_pca_block;

typedef struct hf_pca {
    int    D, k;
    float *mean;       /* [D] */
    float *directions; /* [k,D], unit length, orthogonal, greatest variance first; the largest number of each is positive */
    double variance[HF_PCA_MAX]; /* along each; 0 where there is none left */
    double total;      /* of all directions */
} hf_pca;

/* k: 1..HF_PCA_MAX components of D channels. HF_EARG: no rows, or k out of range. HF_ENOMEM. */
int  hf_pca_new(hf_pca **out, const hf_pca_block *blocks, int n_blocks, int D, int k, hf_error *err);
void hf_pca_free(hf_pca **pca);

/* out [n,k]: rows less the mean, along each direction. */
void hf_pca_project(float *out, const hf_pca *pca, const hf_pca_block *block);

#endif
