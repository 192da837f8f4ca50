/* whiten.h - a linear map that makes cosine similarity mean something.
 *
 * Learned from descriptors of one picture and of distorted copies of it. What changes
 * under distortion is noise, what differs between places is signal: directions are
 * ranked by signal over noise and scaled so that noise counts the same in all of them
 * (linear discriminant analysis with every place as its own class).
 */
#ifndef HF_SRC_WHITEN_H
#define HF_SRC_WHITEN_H

#include <stdint.h>
#include "src/error.h"

typedef struct hf_whiten {
    int    C, D;      /* channels in and out, D <= C */
    float *mean;      /* [C] */
    float *project;   /* [C,D] */
    float *bias;      /* [D]: mean times project */
    float  *part;     /* scratch of learning */
    double *signal, *noise, *work;
} hf_whiten;

int  hf_whiten_new(hf_whiten **out, int C, int D, hf_error *err);
void hf_whiten_free(hf_whiten **whiten);
int64_t hf_whiten_bytes(int C, int D); /* what new takes */

/* Learning: begin with the picture's own descriptors [n,C], add each distorted copy's, finish.
 * `difference` f32 [n,C] is scratch of the caller. finish returns HF_EDEVICE should LAPACK
 * fail (descriptors that are not finite). */
void hf_whiten_begin(hf_whiten *w, const float *own, int n);
void hf_whiten_add(hf_whiten *w, const float *own, const float *distorted, float *difference, int n);
int  hf_whiten_finish(hf_whiten *w, hf_error *err);

/* out f32 [n,D] = (in - mean) project, each row brought to unit length (or all zero). */
void hf_whiten_apply(const hf_whiten *w, float *out, const float *in, int n);

#endif
