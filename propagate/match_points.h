/* match_points.h - the best match of single descriptors: with a mask, and with the runner-up.
 *
 * A feature map [h,w,D] is upsampled bilinearly to W x H and every vector divided by its length, as in match_dense.h;
 * here one descriptor at a time is compared with all pixels, or with those that a mask allows, and the best
 * one farther than a radius from the best is found too: a match is as sure as it is better than that. On
 * the host, exact to float rounding; ties go to the lowest y, then x. match_dense is the operation for whole pictures
 * without a mask.
 */
#ifndef HF_PROPAGATE_MATCH_POINTS_H
#define HF_PROPAGATE_MATCH_POINTS_H

#include <stdint.h>
#include "src/error.h"

/* Features of one picture in host memory, and the size that they are upsampled to. */
typedef struct hf_feature_map {
    const float *data; /* f32 [h,w,D], finite */
    int          h, w, D;
    int          width, height;
} hf_feature_map;

/* vector f32 [D]: the map at a place between pixels (clamped to the border), not normalised. Returns its length. */
float hf_feature_sample(float *vector, const hf_feature_map *map, double x, double y);

typedef struct hf_match_points hf_match_points;

/*
 * Prepare to match with the pixels of `target` (borrowed, as is its data).
 *   allowed  u8 [H,W]  0: this pixel is no match; NULL: all are. Read here only.
 * HF_ENOMEM; HF_EARG if no pixel is allowed.
 */
int  hf_match_points_new(hf_match_points **out, const hf_feature_map *target, const uint8_t *allowed, hf_error *err);
void hf_match_points_free(hf_match_points **points);

typedef struct hf_point_match {
    int   x, y;
    float similarity;         /* cosine; 0 for a zero vector */
    int   second_x, second_y; /* best pixel farther than the radius; -1, -1: there is none */
    float second;             /* its cosine; -1 */
} hf_point_match;

/*
 * Match n descriptors.
 *   matches  [n]         out
 *   vectors  f32 [n,D]   of any length
 *   apart_px             radius of the runner-up in pixels of the target; < 0: none is looked for
 * HF_ENOMEM.
 */
int hf_match_points_run(hf_point_match *matches, const hf_match_points *points, const float *vectors, int n,
                        float apart_px, hf_error *err);

/*
 * The same for all pixels of a picture at once: each pixel of `source` that `asking` allows (u8 [Hs,Ws], NULL: all).
 *   index       i32 [Hs,Ws]  out: y*Wt + x, -1 for pixels that do not ask
 *   similarity  f32 [Hs,Ws]  out: 0 there
 * HF_ENOMEM.
 */
int hf_match_points_dense(int32_t *index, float *similarity, const hf_match_points *points,
                          const hf_feature_map *source, const uint8_t *asking, hf_error *err);

#endif
