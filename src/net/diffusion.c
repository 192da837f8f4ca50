/* diffusion.c - see diffusion.h. */
#include "src/net/diffusion.h"

#include <stdlib.h>
#include <string.h>

#include "src/net/pass.h"

typedef struct visit {
    hf_ddim_factors factors;
    int             saved; /* index into the labels; -1: not saved */
} visit;

struct hf_diffusion {
    hf_unet              *net;
    hf_backend           *be;
    const hf_unet_prompt *prompt, *negative;
    hf_unet_times        *times;
    float                 guidance;
    unsigned              branches;
    int                   n_run, n_to_saved, n_saved; /* n_to_saved: visits up to the last saved one */
    visit                *visits;
    hf_arena             *scratch;
    int                   N, h, w;
};

static int saved_index(const hf_diffusion_params *p, int label)
{
    for (int i = 0; i < p->n_labels; i++)
        if (p->labels[i] == label)
            return i;
    return -1;
}

static int check(const hf_diffusion_params *p, const hf_unet_prompt *negative, hf_error *err)
{
    if (p->n_run < 0 || p->n_run > p->n_steps)
        return hf_fail(err, HF_EARG, "diffusion: %d of %d steps are to be run", p->n_run, p->n_steps);
    if ((p->guidance != 0) != (negative != NULL))
        return hf_fail(err, HF_EARG, "diffusion: guidance and a negative prompt go together");
    for (int i = 0; i < p->n_labels; i++) {
        if (p->labels[i] < 0 || p->labels[i] >= p->n_steps)
            return hf_fail(err, HF_EARG, "diffusion: saved step %d, want 0..%d", p->labels[i], p->n_steps - 1);
        if (saved_index(p, p->labels[i]) != i)
            return hf_fail(err, HF_EARG, "diffusion: step %d is to be saved twice", p->labels[i]);
    }
    return HF_OK;
}

/* Fill the list of visits; their time steps into t. */
static void plan_visits(hf_diffusion *d, int *t, const hf_ddim *ddim, const hf_diffusion_params *p)
{
    int n = p->n_run ? p->n_run : p->n_steps;
    for (int i = 0; i < n; i++) {
        hf_ddim_visit v = hf_ddim_get_visit(ddim, p->direction, i);
        d->visits[i].factors = hf_ddim_get_factors(ddim, v.t, v.next, p->prediction);
        d->visits[i].saved = saved_index(p, v.label);
        if (d->visits[i].saved >= 0)
            d->n_to_saved = i + 1, d->n_saved++;
        t[i] = v.t;
    }
    d->n_run = n;
}

int hf_diffusion_new(hf_diffusion **out, hf_unet *net, const hf_diffusion_params *params, const hf_unet_prompt *prompt,
                     const hf_unet_prompt *negative, hf_error *err)
{
    hf_diffusion *d = calloc(1, sizeof(*d));
    hf_ddim *ddim = malloc(sizeof(*ddim));
    int *t = NULL, rc;

    *out = NULL;
    if (!d || !ddim) {
        rc = hf_fail(err, HF_ENOMEM, "diffusion: out of memory");
        goto end;
    }
    if ((rc = hf_ddim_init(ddim, params->n_steps, err)) < 0 || (rc = check(params, negative, err)) < 0)
        goto end;
    d->net = net, d->be = hf_unet_get_backend(net), d->prompt = prompt, d->negative = negative;
    d->guidance = params->guidance, d->branches = params->branches;
    d->visits = malloc((size_t)params->n_steps * sizeof(*d->visits));
    t = malloc((size_t)params->n_steps * sizeof(*t));
    if (!d->visits || !t) {
        rc = hf_fail(err, HF_ENOMEM, "diffusion: out of memory");
        goto end;
    }
    plan_visits(d, t, ddim, params);
    if (params->n_labels && !d->n_saved) {
        rc = hf_fail(err, HF_EARG, "diffusion: none of the saved steps is among the %d that are run", d->n_run);
        goto end;
    }
    if ((rc = hf_unet_times_new(&d->times, net, t, d->n_run, err)) < 0)
        goto end;
    *out = d;
    d = NULL;
end:
    free(ddim);
    free(t);
    hf_diffusion_free(&d);
    return rc;
}

void hf_diffusion_free(hf_diffusion **diffusion)
{
    hf_diffusion *d;
    if (!diffusion || !(d = *diffusion))
        return;
    hf_arena_free(&d->scratch);
    hf_unet_times_free(&d->times);
    free(d->visits);
    free(d);
    *diffusion = NULL;
}

int hf_diffusion_n_run(const hf_diffusion *d) { return d->n_to_saved ? d->n_to_saved : d->n_run; }
int hf_diffusion_n_saved(const hf_diffusion *d) { return d->n_saved; }

/* The three maps of a run. */
typedef struct maps {
    hf_tensor x, noise, negative;
} maps;

static maps take_maps(hf_pass *p, const hf_diffusion *d)
{
    int64_t C = hf_unet_get_config(d->net)->n_latent;
    maps m = { .x = hf_pass_take(p, HF_F32, 4, d->N, d->h, d->w, C),
               .noise = hf_pass_take(p, HF_F32, 4, d->N, d->h, d->w, C) };
    if (d->negative)
        m.negative = hf_pass_take(p, HF_F32, 4, d->N, d->h, d->w, C);
    return m;
}

int hf_diffusion_prepare(hf_diffusion *d, int N, int h, int w, hf_error *err)
{
    hf_pass p = { .be = d->be, .err = err };
    int rc;

    if ((rc = hf_unet_prepare(d->net, N, h, w, err)) < 0)
        return rc;
    if (d->scratch && d->N == N && d->h == h && d->w == w)
        return HF_OK;
    hf_arena_free(&d->scratch);
    d->N = N, d->h = h, d->w = w;
    if ((rc = hf_arena_new(&d->scratch, d->be, "diffusion scratch", err)) < 0)
        return rc;
    p.arena = d->scratch;
    take_maps(&p, d);
    if ((rc = p.rc) < 0 || (rc = hf_arena_seal(d->scratch, 0, err)) < 0)
        hf_arena_free(&d->scratch);
    return rc;
}

int64_t hf_diffusion_bytes(hf_diffusion *d, int N, int h, int w)
{
    int64_t map = (int64_t)N * h * w * hf_unet_get_config(d->net)->n_latent * (int64_t)sizeof(float);
    return hf_unet_scratch_bytes(d->net, N, h, w) + (d->negative ? 3 : 2) * map;
}

/* Taps of one visit go on to the sink with its number. */
typedef struct handover {
    const hf_diffusion_sink *sink;
    int                      saved;
} handover;

static int hand_over(void *ctx, int branch, const hf_tensor *map, hf_error *err)
{
    const handover *h = ctx;
    return h->sink->take(h->sink->ctx, h->saved, branch, map, err);
}

/* What the network says of x at visit i, into m->noise if the next latent is wanted; taps on the way. */
static int look(hf_diffusion *d, const maps *m, int i, bool goes_on, const hf_diffusion_sink *sink, hf_error *err)
{
    handover h = { .sink = sink, .saved = d->visits[i].saved };
    hf_unet_taps taps = { .branches = d->branches, .take_branch = hand_over, .ctx = &h };
    bool saves = sink && h.saved >= 0;
    int rc = HF_OK;

    if (goes_on && d->negative)
        rc = hf_unet_run(d->net, &m->negative, &m->x, d->negative, d->times, i, NULL, err);
    if (rc >= 0)
        rc = hf_unet_run(d->net, goes_on ? &m->noise : NULL, &m->x, d->prompt, d->times, i, saves ? &taps : NULL, err);
    return rc;
}

/* noise = negative + guidance (noise - negative); x to the next time step. */
static void step(hf_pass *p, const hf_diffusion *d, const hf_tensor *out, const maps *m, int i)
{
    const hf_ddim_factors *f = &d->visits[i].factors;
    if (d->negative)
        hf_pass_add(p, &m->noise, &m->noise, &m->negative, d->guidance, 1 - d->guidance);
    hf_pass_add(p, out, &m->x, &m->noise, f->x_factor, f->output_factor);
}

int hf_diffusion_run(hf_diffusion *d, const hf_tensor *end, const hf_tensor *latent, const hf_diffusion_sink *sink,
                     hf_error *err)
{
    hf_pass p = { .be = d->be, .arena = d->scratch, .err = err };
    int n = end ? d->n_run : hf_diffusion_n_run(d), rc;

    hf_arena_reset(d->scratch);
    maps m = take_maps(&p, d);
    if ((rc = p.rc) < 0 || (rc = d->be->ops.copy(d->be, &m.x, latent, err)) < 0)
        return rc;
    for (int i = 0; i < n; i++) {
        bool goes_on = end || i < n - 1;
        if ((rc = look(d, &m, i, goes_on, sink, err)) < 0)
            return rc;
        if (goes_on)
            step(&p, d, i < n - 1 ? &m.x : end, &m, i);
        if (p.rc < 0)
            return p.rc;
    }
    return HF_OK;
}
