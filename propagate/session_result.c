/* session_result.c - from soft labels to what a user wants: masks, mattes, areas. */
#include "propagate/session.h"

#include <math.h>
#include <string.h>

/* Mattes follow what post-processing did to the mask: a pixel that changed hands is hard. Growing and
 * shrinking move whole borders, so that the soft edge of before has lost its place. */
static void harden(hf_session *s)
{
    int64_t n = (int64_t)s->params.width * s->params.height;
    bool all = s->params.grow_px != 0;

    for (int64_t i = 0; i < n; i++) {
        if (!all && s->ids[i] == s->ids_before[i])
            continue;
        s->alpha[i] = s->ids[i] ? 255 : 0;
        for (int o = 0; o < s->n_ids; o++)
            s->soft[o * n + i] = s->ids[i] == s->id_of[o + 1] ? 255 : 0;
    }
}

/* Where it is not sure a matte is faint, far from the object too; stretched about its middle, where masks end, it is not. */
static void stretch(hf_session *s)
{
    int64_t n = (int64_t)s->params.width * s->params.height;
    uint8_t to[256];

    if (!(s->params.matte_contrast > 1.0f))
        return;
    for (int a = 0; a < 256; a++)
        to[a] = (uint8_t)lrintf(fminf(fmaxf(((float)a - 127.5f) * s->params.matte_contrast + 127.5f, 0.0f), 255.0f));
    for (int64_t i = 0; i < n; i++)
        s->alpha[i] = to[s->alpha[i]];
}

static void post_process(hf_session *s)
{
    int64_t n = (int64_t)s->params.width * s->params.height;

    memcpy(s->ids_before, s->ids, (size_t)n);
    hf_post_ids(s->post, s->ids);
    harden(s);
    hf_post_feather(s->post, s->alpha);
    for (int o = 0; o < s->n_ids; o++)
        hf_post_feather(s->post, s->soft + o * n);
}

static void measure(const hf_session *s, hf_result *r)
{
    int64_t n = (int64_t)s->params.width * s->params.height;
    double cover = 0.0;

    memset(r->area_px, 0, sizeof(r->area_px));
    for (int64_t i = 0; i < n; i++) {
        r->area_px[s->ids[i]]++;
        cover += (double)s->field.cover[i];
    }
    r->mean_cover = (float)(cover / (double)n);
    r->mean_similarity = s->mean_similarity;
}

void hf_session_decide(hf_session *s)
{
    int64_t n = (int64_t)s->params.width * s->params.height;
    hf_decision decision = { s->ids, s->alpha, s->soft };
    hf_host_context_ops.decide(s->backend, &decision, s->field.soft, n, s->n_labels, s->n_ids, s->id_of, NULL);
}

void hf_session_fill_result(hf_session *s, hf_result *result)
{
    bool hides_xy = s->params.no_coordinates > 1;
    stretch(s);
    if (s->post)
        post_process(s);
    *result = (hf_result){ .ids = s->ids, .alpha = s->alpha, .soft = s->soft, .edit = s->edit,
                           .xy = hides_xy ? NULL : s->field.xy, .cover = s->field.cover, .n_ids = s->n_ids };
    memcpy(result->used, s->id_of + 1, (size_t)s->n_ids);
    measure(s, result);
}
