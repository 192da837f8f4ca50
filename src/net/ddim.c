/* ddim.c - see ddim.h. */
#include "src/net/ddim.h"

#include <math.h>

#define BETA_FIRST 0.00085
#define BETA_LAST 0.012

int hf_ddim_init(hf_ddim *d, int n_steps, hf_error *err)
{
    double product = 1, from = sqrt(BETA_FIRST), to = sqrt(BETA_LAST);

    if (n_steps < 1 || n_steps > HF_DDIM_TRAIN_STEPS)
        return hf_fail(err, HF_EARG, "ddim: %d time steps, want 1..%d", n_steps, HF_DDIM_TRAIN_STEPS);
    d->n_steps = n_steps;
    for (int t = 0; t < HF_DDIM_TRAIN_STEPS; t++) {
        double root = from + (to - from) * t / (HF_DDIM_TRAIN_STEPS - 1);
        product *= 1 - root * root;
        d->alpha_bar[t] = product;
    }
    return HF_OK;
}

/* The time before step i of the ascending list; -1 before the first. */
static int time_before(const hf_ddim *d, int i) { return i == 0 ? -1 : (i - 1) * (HF_DDIM_TRAIN_STEPS / d->n_steps); }

hf_ddim_visit hf_ddim_get_visit(const hf_ddim *d, hf_ddim_direction direction, int i)
{
    int n = d->n_steps;
    if (direction == HF_DDIM_INVERSION)
        return (hf_ddim_visit){ .t = time_before(d, i), .next = time_before(d, i + 1), .label = n - 1 - i };
    return (hf_ddim_visit){ .t = time_before(d, n - i), .next = time_before(d, n - i - 1), .label = i };
}

double hf_ddim_alpha_bar(const hf_ddim *d, int t) { return t < 0 ? 1 : d->alpha_bar[t]; }

hf_ddim_factors hf_ddim_get_factors(const hf_ddim *d, int t, int next, hf_prediction prediction)
{
    double a = hf_ddim_alpha_bar(d, t), b = hf_ddim_alpha_bar(d, next);
    if (prediction == HF_PREDICTION_V) /* x0 = sqrt(a) x - sqrt(1-a) v,  e = sqrt(a) v + sqrt(1-a) x */
        return (hf_ddim_factors){ (float)(sqrt(b * a) + sqrt((1 - b) * (1 - a))),
                                  (float)(sqrt((1 - b) * a) - sqrt(b * (1 - a))) };
    return (hf_ddim_factors){ (float)sqrt(b / a), (float)(sqrt(1 - b) - sqrt(b * (1 - a) / a)) };
}
