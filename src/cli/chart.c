/* chart.c - see chart.h. */
#include "src/cli/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/part_file.h"

#define WIDTH 760
#define HEIGHT 420
#define LEFT 70
#define TOP 50
#define BOTTOM 60
#define LEGEND_WIDTH 150 /* at the right, where there are several series */
#define LEGEND_STEP 20

/* Of the Okabe-Ito palette: told apart by colour-blind readers, on white and on black. */
static const char *const colors[] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1" };
#define N_COLORS ((int)(sizeof(colors) / sizeof(colors[0])))

typedef struct frame {
    FILE           *out;
    const hf_chart *chart;
    double          right, y_max, step;
} frame;

static void put_text(FILE *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        switch (*c) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fputc(*c < 32 ? '?' : *c, out);
        }
}

/* A step of 1, 2 or 5 times a power of ten that makes five to ten ticks. */
static double round_step(double range)
{
    double power = pow(10.0, floor(log10(range))), part = range / power;
    return power * (part > 5.0 ? 1.0 : part > 2.0 ? 0.5 : 0.2);
}

static double largest(const hf_chart *c)
{
    double most = 0.0;
    for (int s = 0; s < c->n_series; s++)
        for (int i = 0; i < c->n_positions; i++)
            if (c->series[s].values[i] > most)
                most = c->series[s].values[i];
    return most > 0.0 ? most : 1.0;
}

static double x_of(const frame *f, int position)
{
    int n = f->chart->n_positions;
    return n == 1 ? (LEFT + f->right) / 2 : LEFT + 20 + (f->right - LEFT - 40) * position / (n - 1);
}

static double y_of(const frame *f, double value)
{
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / f->y_max;
}

static void draw_label(const frame *f, double x, double y, const char *anchor, const char *more, const char *text)
{
    fprintf(f->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>", x, y, anchor, more);
    put_text(f->out, text);
    fputs("</text>\n", f->out);
}

static void draw_axes(const frame *f)
{
    const hf_chart *c = f->chart;
    char text[64];

    for (int i = 0; i * f->step <= f->y_max * 1.0001; i++) {
        double y = y_of(f, i * f->step);
        fprintf(f->out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", LEFT, y, f->right, y);
        snprintf(text, sizeof(text), "%g", i * f->step);
        draw_label(f, LEFT - 8, y + 4, "end", "", text);
    }
    /* Names are left out where there is no room for all of them. */
    int every = (int)ceil(c->n_positions * 34.0 / (f->right - LEFT));
    for (int i = 0; i < c->n_positions; i += every)
        draw_label(f, x_of(f, i), HEIGHT - BOTTOM + 20, "middle", "", c->positions[i]);
    draw_label(f, (LEFT + f->right) / 2, HEIGHT - 16, "middle", "", c->x_name);
    fprintf(f->out, "<g transform=\"translate(20 %d) rotate(-90)\">", (TOP + HEIGHT - BOTTOM) / 2);
    draw_label(f, 0, 0, "middle", "", c->y_name);
    fputs("</g>\n", f->out);
    draw_label(f, LEFT, 26, "start", " class=\"title\"", c->title);
}

static void draw_series(const frame *f, int s)
{
    const hf_chart_series *series = &f->chart->series[s];
    const char *color = colors[s % N_COLORS];
    int open = 0;

    for (int i = 0; i <= f->chart->n_positions; i++) {
        int is_there = i < f->chart->n_positions && isfinite(series->values[i]);
        if (!is_there && open)
            fputs("\"/>\n", f->out);
        if (is_there)
            fprintf(f->out, "%s%.1f %.1f", open ? " L" : "<path fill=\"none\" stroke-width=\"2\" d=\"M", x_of(f, i),
                    y_of(f, series->values[i]));
        open = is_there;
    }
    for (int i = 0; i < f->chart->n_positions; i++)
        if (isfinite(series->values[i])) {
            fprintf(f->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"><title>", x_of(f, i),
                    y_of(f, series->values[i]), color);
            put_text(f->out, series->name);
            fputs(", ", f->out);
            put_text(f->out, f->chart->positions[i]);
            fprintf(f->out, ": %.4g</title></circle>\n", series->values[i]);
        }
}

static void draw_legend(const frame *f)
{
    for (int s = 0; s < f->chart->n_series; s++) {
        double y = TOP + 10 + LEGEND_STEP * s;
        fprintf(f->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"4\" fill=\"%s\"/>\n", f->right + 16, y - 6,
                colors[s % N_COLORS]);
        draw_label(f, f->right + 36, y, "start", "", f->chart->series[s].name);
    }
}

static void draw(FILE *out, const void *ctx)
{
    const hf_chart *c = ctx;
    frame f = { .out = out, .chart = c, .right = WIDTH - 20 - (c->n_series > 1 ? LEGEND_WIDTH : 0) };
    int legend = TOP + 20 + LEGEND_STEP * c->n_series, height = legend > HEIGHT ? legend : HEIGHT;
    double range = c->y_max > 0.0 ? c->y_max : largest(c);

    f.step = round_step(range);
    f.y_max = c->y_max > 0.0 ? c->y_max : ceil(range / f.step) * f.step;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n"
            "<title>",
            WIDTH, height, WIDTH, height);
    put_text(out, c->title);
    fputs("</title>\n<style>text{font:13px sans-serif;fill:#333}.title{font-size:16px;font-weight:600}"
          ".grid{stroke:#888;stroke-opacity:.3}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>\n",
          out);
    draw_axes(&f);
    for (int s = 0; s < c->n_series; s++) {
        fprintf(out, "<g stroke=\"%s\">\n", colors[s % N_COLORS]);
        draw_series(&f, s);
        fputs("</g>\n", out);
    }
    if (c->n_series > 1)
        draw_legend(&f);
    fputs("</svg>\n", out);
}

int hf_chart_write(const char *path, const hf_chart *chart, hf_error *err)
{
    if (chart->n_positions < 1 || chart->n_series < 1)
        return hf_fail(err, HF_EARG, "%s: nothing to draw", path);
    return hf_part_file_write(path, draw, chart, err);
}
