/* test_chart.c - charts as SVG, and marks on pictures. */
#include <math.h>
#include "davis_tree.h"
#include "src/cli/chart.h"
#include "src/cli/draw.h"

TestSuite(chart, .init = tree_make, .fini = tree_remove);

static char text[1 << 16];

static const char *draw_chart(const hf_chart *chart)
{
    hf_error err = { 0 };
    const char *path = tree_path("c.svg");
    cr_assert_eq(hf_chart_write(path, chart, &err), HF_OK, "%s", err.text);
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = 0;
    fclose(f);
    return text;
}

static int count(const char *all, const char *piece)
{
    int n = 0;
    for (const char *at = all; (at = strstr(at, piece)); at++)
        n++;
    return n;
}

Test(chart, every_value_is_a_dot_and_a_gap_breaks_the_line)
{
    const double first[] = { 10, 20, NAN, 35 }, second[] = { 1, 2, 3, 4 };
    const hf_chart_series series[] = { { "inversion", first }, { "generation", second } };
    const char *const names[] = { "1", "2", "3", "4" };
    const char *svg = draw_chart(&(hf_chart){ "PCK", "layer", "%", names, 4, series, 2, 0 });
    cr_assert_eq(count(svg, "<circle"), 7);
    cr_assert_eq(count(svg, "<path"), 3);
    cr_assert_eq(count(svg, "<g "), count(svg, "</g>"));
    cr_assert_eq(count(svg, "<text"), count(svg, "</text>"));
    cr_assert_not_null(strstr(svg, "inversion, 4: 35"));
    cr_assert_not_null(strstr(svg, ">35</text>")); /* the axis ends at a round number, none below the largest value */
    cr_assert_null(strstr(svg, "nan"));
    cr_assert_not_null(strstr(svg, "</svg>"));
}

/* 0 is at the bottom: of two dots the larger value is higher up. */
Test(chart, larger_values_are_higher)
{
    const double values[] = { 0, 50 };
    const hf_chart_series series[] = { { "a", values } };
    const char *const names[] = { "x", "y" };
    double cx, low, high;
    const char *svg = draw_chart(&(hf_chart){ "t", "x", "y", names, 2, series, 1, 100 });
    const char *dot = strstr(svg, "<circle");
    cr_assert_eq(sscanf(dot, "<circle cx=\"%lf\" cy=\"%lf\"", &cx, &low), 2);
    cr_assert_eq(sscanf(strstr(dot + 1, "<circle"), "<circle cx=\"%lf\" cy=\"%lf\"", &cx, &high), 2);
    cr_assert(high < low);
    cr_assert_float_eq(low - high, 155, 0.11); /* half of the 310 pixels between 0 and 100 */
}

Test(chart, names_are_escaped)
{
    const double values[] = { 1 };
    const hf_chart_series series[] = { { "a<b>&\"c\"", values } };
    const char *const names[] = { "<script>" };
    const char *svg = draw_chart(&(hf_chart){ "x<y", "&", "\n", names, 1, series, 1, 0 });
    cr_assert_null(strstr(svg, "<script>"));
    cr_assert_not_null(strstr(svg, "&lt;script&gt;"));
    cr_assert_not_null(strstr(svg, "a&lt;b&gt;&amp;&quot;c&quot;"));
}

Test(chart, nothing_to_draw_and_no_folder_are_refused)
{
    hf_error err = { 0 };
    const double values[] = { 1 };
    const hf_chart_series series[] = { { "a", values } };
    const char *const names[] = { "1" };
    cr_assert_eq(hf_chart_write(tree_path("c.svg"), &(hf_chart){ .n_series = 1 }, &err), HF_EARG);
    cr_assert_eq(hf_chart_write(tree_path("none/c.svg"), &(hf_chart){ "t", "x", "y", names, 1, series, 1, 0 }, &err),
                 HF_EIO);
    cr_assert_eq(access(tree_path("c.svg"), F_OK), -1);
}

/* ---- drawing ---- */

static const uint8_t *at(const hf_canvas *c, int x, int y) { return c->rgb + 3 * (y * c->width + x); }

Test(chart, a_disk_is_full_inside_soft_at_its_edge_and_nowhere_else)
{
    hf_canvas *c;
    const uint8_t red[3] = { 255, 0, 0 };
    cr_assert_eq(hf_canvas_new(&c, 20, 20, 100, NULL), HF_OK);
    hf_canvas_disk(c, 10, 10, 4, red, 1.0);
    cr_assert(at(c, 10, 10)[0] == 255 && at(c, 10, 10)[1] == 0);
    cr_assert(at(c, 14, 10)[0] > 100 && at(c, 14, 10)[0] < 255);
    cr_assert(at(c, 15, 10)[0] == 100 && at(c, 10, 4)[0] == 100);
    hf_canvas_free(&c);
}

Test(chart, marks_beyond_the_picture_are_cut_off)
{
    hf_canvas *c;
    const uint8_t red[3] = { 255, 0, 0 };
    cr_assert_eq(hf_canvas_new(&c, 8, 8, 0, NULL), HF_OK);
    hf_canvas_line(c, -100, -50, 200, 90, 3, red, 1.0);
    hf_canvas_disk(c, 1e6, -1e6, 5, red, 1.0);
    hf_canvas_number(c, -3, 5, 1234567, 2);
    hf_canvas_number(c, 100, 100, 8, 2);
    hf_canvas_picture(c, (const uint8_t[48]){ 9 }, 4, 4, 6, 6, 1);
    cr_assert_eq(at(c, 6, 6)[0], 9);
    hf_canvas_free(&c);
}

Test(chart, pictures_are_averaged_down)
{
    hf_canvas *c;
    uint8_t rgb[4 * 4 * 3];
    for (int i = 0; i < 48; i++)
        rgb[i] = (uint8_t)(i / 3 % 2 ? 100 : 50);
    cr_assert_eq(hf_canvas_new(&c, 2, 2, 0, NULL), HF_OK);
    hf_canvas_picture(c, rgb, 4, 4, 0, 0, 2);
    for (int i = 0; i < 12; i++)
        cr_assert_eq(c->rgb[i], 75);
    hf_canvas_free(&c);
}
