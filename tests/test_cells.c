/* test_cells.c - cells in the spool of a backward pass: what comes back, and what is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/cells.h"

enum { h = 20, w = 27, S = 4 }; /* more labels than fit in one turn of the writer */

static hf_cells *new_cells(int L)
{
    hf_cells *c;
    cr_assert_eq(hf_cells_new(&c, h, w, S, L, NULL), HF_OK);
    return c;
}

static float random_part(void) { return (float)rand() / (float)RAND_MAX; }

static hf_cells *random_cells(int L)
{
    hf_cells *c = new_cells(L);
    srand(11);
    for (int i = 0; i < h * w; i++) {
        float *labels = c->labels + i * L, sum = 0;
        for (int l = 0; l < L; l++)
            sum += labels[l] = powf(random_part(), 4);
        for (int l = 0; l < L; l++)
            labels[l] /= sum;
        c->xy[2 * i] = 900 * random_part() - 20;
        c->xy[2 * i + 1] = 500 * random_part() - 20;
        c->similarity[i] = 2 * random_part() - 1;
    }
    return c;
}

static FILE *spool_of(const hf_cells *c)
{
    FILE *file = tmpfile();
    cr_assert_eq(hf_cells_write(c, file, "spool", NULL), HF_OK);
    rewind(file);
    return file;
}

static void check_round_trip(int L)
{
    hf_cells *in = random_cells(L), *out = new_cells(L);
    FILE *file = spool_of(in);
    float allowed = (float)(L + 1) / 510 + 1e-6f;
    cr_assert_eq(hf_cells_read(out, file, "spool", NULL), HF_OK);
    cr_assert_eq(memcmp(in->xy, out->xy, sizeof(float) * 2 * h * w), 0);
    for (int i = 0; i < h * w; i++) {
        float sum = 0;
        for (int l = 0; l < L; l++) {
            cr_assert_float_eq(out->labels[i * L + l], in->labels[i * L + l], allowed, "cell %d", i);
            sum += out->labels[i * L + l];
        }
        cr_assert_float_eq(sum, 1, 1e-5);
        cr_assert_float_eq(out->similarity[i], in->similarity[i], 1 / 255.0f, "cell %d", i);
    }
    fclose(file);
    hf_cells_free(&in);
    hf_cells_free(&out);
}

Test(cells, come_back_from_a_spool_as_closely_as_promised)
{
    check_round_trip(2);
    check_round_trip(5);
    check_round_trip(HF_MAX_LABELS);
}

Test(cells, of_one_sure_label_come_back_bit_for_bit)
{
    enum { L = 3 };
    hf_cells *in = new_cells(L), *out = new_cells(L);
    for (int i = 0; i < h * w; i++) {
        in->labels[i * L + i % L] = 1;
        in->similarity[i] = 1;
    }
    FILE *file = spool_of(in);
    cr_assert_eq(hf_cells_read(out, file, "spool", NULL), HF_OK);
    cr_assert_eq(memcmp(in->labels, out->labels, sizeof(float) * h * w * L), 0);
    cr_assert_eq(memcmp(in->similarity, out->similarity, sizeof(float) * h * w), 0);
    fclose(file);
    hf_cells_free(&in);
    hf_cells_free(&out);
}

Test(cells, with_even_labels_never_lose_them_all)
{
    hf_cells *in = new_cells(HF_MAX_LABELS), *out = new_cells(HF_MAX_LABELS);
    for (int i = 0; i < h * w * HF_MAX_LABELS; i++)
        in->labels[i] = 1.0f / HF_MAX_LABELS;
    FILE *file = spool_of(in);
    cr_assert_eq(hf_cells_read(out, file, "spool", NULL), HF_OK);
    cr_assert_float_eq(out->labels[HF_MAX_LABELS - 1], 1.0f / HF_MAX_LABELS, 1e-6);
    fclose(file);
    hf_cells_free(&in);
    hf_cells_free(&out);
}

Test(cells, of_a_frame_take_nine_bytes_and_one_a_label)
{
    hf_cells *in = random_cells(4);
    FILE *file = spool_of(in);
    fseek(file, 0, SEEK_END);
    cr_assert_eq(ftell(file), h * w * (9 + 4));
    fclose(file);
    hf_cells_free(&in);
}

Test(cells, that_end_too_early_are_refused)
{
    hf_cells *in = random_cells(4), *out = new_cells(4);
    static char bytes[h * w * (9 + 4)];
    /* inside the coordinates, inside similarity, inside the labels, and nothing at all */
    static const size_t lengths[] = { h * w * 8 - 1, h * w * 9 - 1, h * w * 13 - 1, 0 };
    FILE *file = spool_of(in);
    cr_assert_eq(fread(bytes, 1, sizeof(bytes), file), sizeof(bytes));
    for (int i = 0; i < 4; i++) {
        FILE *cut = tmpfile();
        fwrite(bytes, 1, lengths[i], cut);
        rewind(cut);
        cr_assert_eq(hf_cells_read(out, cut, "spool", NULL), HF_EFORMAT, "%zu bytes", lengths[i]);
        fclose(cut);
    }
    fclose(file);
    hf_cells_free(&in);
    hf_cells_free(&out);
}

Test(cells, without_a_label_are_refused)
{
    hf_cells *in = random_cells(4), *out = new_cells(4);
    memset(in->labels + 4 * 7, 0, 4 * sizeof(float)); /* cell 7 */
    FILE *file = spool_of(in);
    cr_assert_eq(hf_cells_read(out, file, "spool", NULL), HF_EFORMAT);
    fclose(file);
    hf_cells_free(&in);
    hf_cells_free(&out);
}

Test(cells, of_silly_sizes_are_refused)
{
    hf_cells *c;
    cr_assert_eq(hf_cells_new(&c, 0, w, S, 2, NULL), HF_EARG);
    cr_assert_eq(hf_cells_new(&c, h, 0, S, 2, NULL), HF_EARG);
    cr_assert_eq(hf_cells_new(&c, h, w, 0, 2, NULL), HF_EARG);
    cr_assert_eq(hf_cells_new(&c, h, w, S, 0, NULL), HF_EARG);
    cr_assert_eq(hf_cells_new(&c, h, w, S, HF_MAX_LABELS + 1, NULL), HF_EARG);
    cr_assert_null(c);
}
