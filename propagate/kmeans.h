/* kmeans.h - clusters of vectors: Lloyd's algorithm from k-means++ starts, the same result every time. */
#ifndef HF_PROPAGATE_KMEANS_H
#define HF_PROPAGATE_KMEANS_H

#include "src/error.h"

/*
 *   label    [n]          out: 0..k-1; a cluster may stay empty where vectors are equal
 *   vectors  f32 [n,D]    finite
 *   k                     1..n
 * Ends when no label changes, or after 100 rounds. HF_EARG: k outside its range. HF_ENOMEM.
 */
int hf_kmeans(int *label, const float *vectors, int n, int D, int k, hf_error *err);

#endif
