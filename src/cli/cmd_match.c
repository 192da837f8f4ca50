/* cmd_match.c - the verb `hfprop match`: which points, and where they went; see cmd_match.h. */
#include "src/cli/cmd_match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/flow_file.h"
#include "io/points.h"
#include "propagate/correspond.h"

typedef struct match {
    const hf_options *options;
    hf_report        *report;
    hf_stage          stage;
    hf_pair           pair;
    hf_found_list     list;
} match;

/* ---- levels ---- */

/* The map at which pairs are chosen: its cells or the image's pixels. */
static hf_feature_map level_map(const match *m, int i)
{
    hf_feature_map map = m->pair.of[i].map;
    if (!m->options->points && !m->options->by_pixels)
        map.width = map.w, map.height = map.h;
    return map;
}

/* From a position of a level to the image's pixels, centres at whole numbers. */
static double to_pixels(double at, int level_size, int image_size)
{
    return (at + 0.5) * image_size / level_size - 0.5;
}

/* What a mask says at a level: f32 [H,W], to be freed; NULL without a mask. */
static int level_saliency(float **saliency, const match *m, int i, const hf_feature_map *level, hf_error *err)
{
    const hf_object_mask *mask = m->pair.mask[i];
    if (!mask)
        return HF_OK;
    if (!(*saliency = malloc((size_t)level->width * (size_t)level->height * sizeof(float))))
        return hf_fail(err, HF_ENOMEM, "match: out of memory");
    hf_object_mask_to_cells(*saliency, mask, level->height, level->width);
    return HF_OK;
}

/* ---- matching ---- */

/* Find n places of the source level in the target level, with runners-up, and add them to the list. */
static int find(match *m, const double *xy, int n, const hf_feature_map *from, const hf_feature_map *to,
                const uint8_t *allowed, hf_error *err)
{
    const hf_image *a = m->pair.image[0], *b = m->pair.image[1];
    float *vectors = malloc((size_t)n * (size_t)from->D * sizeof(float) + 1);
    hf_point_match *found = malloc((size_t)n * sizeof(*found) + 1);
    hf_match_points *points = NULL;
    double cell = (double)to->width / to->w;
    int rc;

    m->list.item = malloc((size_t)n * sizeof(*m->list.item) + 1);
    m->list.apart_px = m->options->apart_cells * b->width / to->w;
    if (!vectors || !found || !m->list.item) {
        rc = hf_fail(err, HF_ENOMEM, "match: out of memory for %d points", n);
        goto end;
    }
    for (int i = 0; i < n; i++)
        hf_feature_sample(vectors + (int64_t)i * from->D, from, xy[2 * i], xy[2 * i + 1]);
    if ((rc = hf_match_points_new(&points, to, allowed, err)) < 0 ||
        (rc = hf_match_points_run(found, points, vectors, n, (float)(m->options->apart_cells * cell), err)) < 0)
        goto end;
    for (int i = 0; i < n; i++) {
        const hf_point_match *f = &found[i];
        m->list.item[i] = (hf_found){
            .x = to_pixels(xy[2 * i], from->width, a->width), .y = to_pixels(xy[2 * i + 1], from->height, a->height),
            .to_x = to_pixels(f->x, to->width, b->width), .to_y = to_pixels(f->y, to->height, b->height),
            .similarity = f->similarity, .margin = f->similarity - f->second,
            .second_x = f->second_x < 0 ? NAN : to_pixels(f->second_x, to->width, b->width),
            .second_y = f->second_x < 0 ? NAN : to_pixels(f->second_y, to->height, b->height),
        };
    }
    m->list.n = n;
end:
    hf_match_points_free(&points);
    free(vectors);
    free(found);
    return rc;
}

static int find_given(match *m, hf_error *err)
{
    hf_feature_map from = level_map(m, 0), to = level_map(m, 1);
    const hf_image *a = m->pair.image[0];
    double *xy = NULL;
    int n, rc;

    m->stage = HF_STAGE_USAGE;
    if ((rc = hf_points_read(&xy, &n, m->options->points, err)) < 0) {
        m->stage = rc == HF_EARG ? HF_STAGE_USAGE : HF_STAGE_INPUT;
        return rc;
    }
    for (int i = 0; i < n; i++)
        if (!(xy[2 * i] > -0.5 && xy[2 * i] < a->width - 0.5 && xy[2 * i + 1] > -0.5 && xy[2 * i + 1] < a->height - 0.5)) {
            rc = hf_fail(err, HF_EARG, "point %d (%g,%g) is not in %s, which has %dx%d pixels", i + 1, xy[2 * i],
                         xy[2 * i + 1], a->path, a->width, a->height);
            goto end;
        }
    m->stage = HF_STAGE_WORK;
    rc = find(m, xy, n, &from, &to, m->pair.mask[1] ? m->pair.mask[1]->inside : NULL, err);
end:
    free(xy);
    return rc;
}

/* Fields both ways at the level of `from` and `to`: of cells by the grids, of pixels by the images. */
static int match_both_ways(hf_field *field[2], const match *m, const hf_feature_map level[2], hf_error *err)
{
    hf_backend *be = hf_describer_backend(m->pair.describer);
    int rc = HF_OK;
    for (int i = 0; rc >= 0 && i < 2; i++) {
        const hf_feature_map *from = &level[i], *to = &level[1 - i];
        if ((rc = hf_field_new(&field[i], from->width, from->height, to->width, to->height, err)) >= 0)
            rc = hf_field_match(field[i], be, &m->pair.of[i].features, &m->pair.of[1 - i].features, err);
    }
    return rc;
}

/* The chosen pairs' matches are those of the field; only the runner-up is looked for anew. */
static int find_chosen(match *m, const hf_feature_map level[2], const int32_t *chosen, int n, hf_error *err)
{
    double *xy = malloc(2 * (size_t)n * sizeof(double) + 1);
    if (!xy)
        return hf_fail(err, HF_ENOMEM, "match: out of memory for %d pairs", n);
    for (int i = 0; i < n; i++)
        xy[2 * i] = chosen[i] % level[0].width, xy[2 * i + 1] = chosen[i] / level[0].width;
    int rc = find(m, xy, n, &level[0], &level[1], NULL, err);
    free(xy);
    return rc;
}

static int find_selected(match *m, hf_error *err)
{
    const hf_feature_map level[2] = { level_map(m, 0), level_map(m, 1) };
    hf_select_params params = HF_SELECT_DEFAULTS;
    hf_field *field[2] = { NULL, NULL };
    float *saliency[2] = { NULL, NULL };
    int64_t n_places = (int64_t)level[0].width * level[0].height;
    int n, rc;

    params.how = (hf_select_how)m->options->select;
    params.n = m->options->n_select < n_places ? m->options->n_select : (int)n_places;
    int32_t *chosen = malloc((size_t)params.n * sizeof(*chosen));
    if (!chosen) {
        rc = hf_fail(err, HF_ENOMEM, "match: out of memory for %d pairs", params.n);
        goto end;
    }
    for (int i = 0; i < 2; i++)
        if ((rc = level_saliency(&saliency[i], m, i, &level[i], err)) < 0)
            goto end;
    params.saliency = saliency[0], params.to_saliency = saliency[1];
    if ((rc = match_both_ways(field, m, level, err)) < 0 ||
        (rc = hf_select_pairs(chosen, &n, field[0], field[1], &level[0], &level[1], &params, err)) < 0)
        goto end;
    if (n < m->options->n_select)
        hf_report_note(m->report, "%d pairs, of %d asked for: there are no more", n, m->options->n_select);
    rc = find_chosen(m, level, chosen, n, err);
end:
    hf_field_free(&field[0]);
    hf_field_free(&field[1]);
    free(saliency[0]);
    free(saliency[1]);
    free(chosen);
    return rc;
}

/* ---- outputs ---- */

/* --field: every pixel of A (of its mask, if there is one) to B. */
static int write_field(match *m, hf_error *err)
{
    const hf_pair *p = &m->pair;
    const hf_image *a = p->image[0], *b = p->image[1];
    hf_field *field = NULL;
    float *flow = malloc(2 * (size_t)a->width * (size_t)a->height * sizeof(float));
    int rc;

    if (!flow) {
        rc = hf_fail(err, HF_ENOMEM, "match: out of memory for a field of %dx%d pixels", a->width, a->height);
        goto end;
    }
    if ((rc = hf_field_new(&field, a->width, a->height, b->width, b->height, err)) < 0)
        goto end;
    if (p->mask[0] || p->mask[1])
        rc = hf_field_match_inside(field, &p->of[0].map, &p->of[1].map, p->mask[0] ? p->mask[0]->inside : NULL,
                                   p->mask[1] ? p->mask[1]->inside : NULL, err);
    else
        rc = hf_field_match(field, hf_describer_backend(p->describer), &p->of[0].features, &p->of[1].features, err);
    if (rc < 0)
        goto end;
    hf_field_to_flow(flow, field);
    m->stage = HF_STAGE_OUTPUT;
    rc = hf_flow_write(m->options->field, flow, a->width, a->height, err);
end:
    hf_field_free(&field);
    free(flow);
    return rc;
}

static int write_results(match *m, hf_error *err)
{
    const hf_options *o = m->options;
    int rc = HF_OK;

    if (o->field && (rc = write_field(m, err)) < 0)
        return rc;
    m->stage = HF_STAGE_OUTPUT;
    if (o->out && (rc = hf_match_draw(o->out, &m->list, &m->pair, err)) < 0)
        return rc;
    if (o->json)
        return hf_match_print_json(stdout, &m->list, &m->pair, o, err);
    return hf_match_print(stdout, &m->list, err);
}

static int check_outputs(match *m, hf_error *err)
{
    const hf_options *o = m->options;
    size_t n = o->out ? strlen(o->out) : 0;
    int rc;

    m->stage = HF_STAGE_USAGE;
    if (o->out && (n < 5 || strcasecmp(o->out + n - 4, ".png") != 0))
        return hf_fail(err, HF_EARG, "-o %s: want the name of a .png", o->out);
    if (o->field && !hf_flow_has_name(o->field))
        return hf_fail(err, HF_EARG, "--field %s: want the name of a .flo or .npy", o->field);
    if ((rc = hf_pair_check_output(o->out, o, m->report, err)) < 0)
        return rc;
    return hf_pair_check_output(o->field, o, m->report, err);
}

static int run(match *m, hf_error *err)
{
    int rc;
    if ((rc = check_outputs(m, err)) < 0 || (rc = hf_pair_open(&m->pair, m->options, &m->stage, err)) < 0)
        return rc;
    rc = m->options->points ? find_given(m, err) : find_selected(m, err);
    return rc < 0 ? rc : write_results(m, err);
}

int hf_match_main(const hf_options *options, int argc, char **argv)
{
    match m = { .options = options, .stage = HF_STAGE_USAGE };
    hf_error err = { 0 };
    int rc;

    (void)argc, (void)argv;
    if ((rc = hf_pair_open_report(&m.report, options, &err)) >= 0)
        rc = run(&m, &err);
    if (rc < 0)
        hf_report_error(m.report, &err);
    hf_pair_close(&m.pair);
    free(m.list.item);
    hf_report_close(&m.report);
    return rc < 0 ? hf_exit_code(err.status, m.stage) : 0;
}
