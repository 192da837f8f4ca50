/* session_result.c - from soft labels to what a user wants: masks, mattes, areas. */
#include "propagate/session.h"

#include <string.h>

static void decide_row(hf_session *s, int64_t from, int64_t to)
{
    int64_t n = (int64_t)s->params.width * s->params.height;
    const float *soft = s->field.soft;

    for (int64_t i = from; i < to; i++) {
        int best = 0;
        for (int l = 1; l < s->n_labels; l++)
            if (soft[l * n + i] > soft[best * n + i])
                best = l;
        s->ids[i] = s->id_of[best];
        float matte = s->n_ids ? 1.0f - soft[i] : 0.0f;
        s->alpha[i] = (uint8_t)((matte < 0.0f ? 0.0f : matte > 1.0f ? 1.0f : matte) * 255.0f + 0.5f);
    }
    for (int o = 0; o < s->n_ids; o++)
        for (int64_t i = from; i < to; i++) {
            float v = soft[(o + 1) * n + i];
            s->soft[o * n + i] =
                (uint8_t)((v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v) * 255.0f + 0.5f);
        }
}

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

void hf_session_fill_result(hf_session *s, hf_result *result)
{
    int W = s->params.width, H = s->params.height;

#pragma omp parallel for schedule(static)
    for (int y = 0; y < H; y++)
        decide_row(s, (int64_t)y * W, (int64_t)(y + 1) * W);
    if (s->post)
        post_process(s);
    *result = (hf_result){ .ids = s->ids, .alpha = s->alpha, .soft = s->soft, .edit = s->edit,
                           .xy = s->field.xy, .cover = s->field.cover, .n_ids = s->n_ids };
    memcpy(result->used, s->id_of + 1, (size_t)s->n_ids);
    measure(s, result);
}
