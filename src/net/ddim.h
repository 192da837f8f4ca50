/* ddim.h - time steps of the diffusion and the DDIM rule between them (Song et al., ICLR 2021, eta = 0).
 *
 *     beta_t = linear from sqrt(0.00085) to sqrt(0.012) over 1000 steps, squared; alpha_bar_t = prod (1 - beta)
 *     x0 = (x - sqrt(1 - a) e) / sqrt(a);   x' = sqrt(a') x0 + sqrt(1 - a') e
 *
 * Visits the pairs of the published Diffusion Hyperfeatures code. With n steps and t_i = i * (1000 / n):
 *     inversion   (-1 -> t_0), (t_0 -> t_1), .., (t_n-2 -> t_n-1)     visit i has label n - 1 - i
 *     generation  (t_n-1 -> t_n-2), .., (t_1 -> t_0), (t_0 -> -1)     visit i has label i
 * t = -1 is the clean picture: alpha_bar = 1, and the network is called with -1. Labels are what
 * save_timestep of the aggregation network counts in: 0 noise, n - 1 clean.
 */
#ifndef HF_SRC_NET_DDIM_H
#define HF_SRC_NET_DDIM_H

#include "src/error.h"

#define HF_DDIM_TRAIN_STEPS 1000

typedef enum hf_ddim_direction { HF_DDIM_INVERSION, HF_DDIM_GENERATION } hf_ddim_direction;

typedef enum hf_prediction {
    HF_PREDICTION_EPSILON, /* the network gives the noise e: SD 1.x, 2.1-base */
    HF_PREDICTION_V        /* it gives v = sqrt(a) e - sqrt(1 - a) x0: SD 2.1 (768) */
} hf_prediction;

typedef struct hf_ddim {
    int    n_steps; /* 1..1000 */
    double alpha_bar[HF_DDIM_TRAIN_STEPS];
} hf_ddim;

typedef struct hf_ddim_visit {
    int t, next; /* time steps, -1..999 */
    int label;
} hf_ddim_visit;

/* x' = x_factor x + output_factor (what the network gave). */
typedef struct hf_ddim_factors {
    float x_factor, output_factor;
} hf_ddim_factors;

/* HF_EARG: n_steps outside 1..1000. */
int hf_ddim_init(hf_ddim *ddim, int n_steps, hf_error *err);

/* i in 0..n_steps-1. */
hf_ddim_visit hf_ddim_get_visit(const hf_ddim *ddim, hf_ddim_direction direction, int i);

/* t in -1..999; 1 for t = -1. */
double hf_ddim_alpha_bar(const hf_ddim *ddim, int t);

hf_ddim_factors hf_ddim_get_factors(const hf_ddim *ddim, int t, int next, hf_prediction prediction);

#endif
