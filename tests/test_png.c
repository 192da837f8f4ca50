/* test_png.c - every kind of PNG read, written and refused. */
#include "tests/png_maker.h"

#include "io/png.h"

static const uint8_t four_colors[12] = { 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255 };

static hf_png *read_ok(const char *path)
{
    hf_error err = { 0 };
    hf_png *png = NULL;
    cr_assert_eq(hf_png_read(&png, path, &err), HF_OK, "%s", err.text);
    return png;
}

static void refuses(const char *path, int status, const char *text)
{
    hf_error err = { 0 };
    hf_png *png = (hf_png *)&err;
    cr_assert_eq(hf_png_read(&png, path, &err), status, "%s: %s", path, err.text);
    cr_assert_null(png);
    cr_assert(strstr(err.text, path), "no path in: %s", err.text);
    cr_assert(strstr(err.text, text), "want '%s' in: %s", text, err.text);
}

static void refuses_bytes(const bytes *b, int status, const char *text)
{
    refuses(write_file("broken.png", b->data, b->n), status, text);
}

static void make_gray(bytes *b)
{
    static const uint8_t rows[4] = { 1, 2, 3, 4 };
    b->n = 0;
    put_head(b, 2, 2, 8, GRAY);
    put_pixels(b, rows, 2, 2);
    put_end(b);
}

Test(png, palette_indices_of_1_2_and_4_bits_arrive_untouched)
{
    static const struct {
        int     bits;
        uint8_t row, want[4];
    } cases[] = { { 1, 0x50, { 0, 1, 0, 1 } }, { 2, 0x1b, { 0, 1, 2, 3 } }, { 4, 0x31, { 3, 1, 0, 0 } } };
    for (int i = 0; i < 3; i++) {
        int width = cases[i].bits == 4 ? 2 : 4;
        hf_png *png = read_ok(write_png("a.png", width, 1, cases[i].bits, PALETTE, &cases[i].row, 1,
                                        four_colors, cases[i].bits == 1 ? 2 : 4, NULL, 0));
        cr_assert_eq(png->kind, HF_PNG_PALETTE);
        cr_assert_eq(png->bits, cases[i].bits);
        cr_assert_arr_eq(png->pixels, cases[i].want, (size_t)width, "%d bits", cases[i].bits);
        hf_png_free(&png);
    }
}

Test(png, gray_of_2_bits_keeps_its_values_and_spreads_as_rgba)
{
    const uint8_t row = 0x1b;
    const uint8_t want[4] = { 0, 85, 170, 255 };
    uint8_t rgba[16];
    hf_png *png = read_ok(write_png("a.png", 4, 1, 2, GRAY, &row, 1, NULL, 0, NULL, 0));
    cr_assert_arr_eq(png->pixels, ((const uint8_t[]){ 0, 1, 2, 3 }), 4);
    hf_png_to_rgba(rgba, png);
    for (int i = 0; i < 4; i++)
        cr_assert(rgba[4 * i] == want[i] && rgba[4 * i + 2] == want[i] && rgba[4 * i + 3] == 255);
    hf_png_free(&png);
}

Test(png, palette_alpha_and_colour_keys_become_rgba)
{
    const uint8_t index = 0x1b, alpha[2] = { 0, 77 }, rgb[6] = { 9, 8, 7, 9, 8, 6 };
    const uint8_t key[6] = { 0, 9, 0, 8, 0, 7 };
    uint8_t rgba[16];
    hf_png *png = read_ok(write_png("a.png", 4, 1, 2, PALETTE, &index, 1, four_colors, 4, alpha, 2));
    cr_assert(hf_png_has_alpha(png));
    hf_png_to_rgba(rgba, png);
    cr_assert_arr_eq(rgba, ((const uint8_t[]){ 0, 0, 0, 0, 255, 0, 0, 77, 0, 255, 0, 255 }), 12);
    hf_png_free(&png);

    png = read_ok(write_png("b.png", 2, 1, 8, RGB, rgb, 6, NULL, 0, key, 6));
    cr_assert(hf_png_has_alpha(png));
    hf_png_to_rgba(rgba, png);
    cr_assert_arr_eq(rgba, ((const uint8_t[]){ 9, 8, 7, 0, 9, 8, 6, 255 }), 8);
    hf_png_free(&png);
}

Test(png, samples_of_16_bits_come_in_native_order_and_survive_writing)
{
    uint16_t values[6] = { 0, 1, 256, 4660, 65534, 65535 };
    hf_png image = { .width = 3, .height = 2, .kind = HF_PNG_GRAY, .bits = 16, .pixels = values };
    const char *path = temp_path("deep.png");
    hf_error err = { 0 };
    cr_assert_eq(hf_png_write(path, &image, &err), HF_OK, "%s", err.text);
    hf_png *png = read_ok(path);
    cr_assert_eq(png->bits, 16);
    cr_assert_arr_eq(png->pixels, values, sizeof(values));
    hf_png_free(&png);
}

Test(png, every_kind_comes_back_as_it_was_written)
{
    uint8_t pixels[24];
    for (int i = 0; i < 24; i++)
        pixels[i] = (uint8_t)(i * 11 % 4);
    for (int kind = HF_PNG_GRAY; kind <= HF_PNG_RGBA; kind++) {
        hf_png image = { .width = 3, .height = 2, .kind = (hf_png_kind)kind, .bits = 8, .pixels = pixels,
                         .n_palette = kind == HF_PNG_PALETTE ? 4 : 0,
                         .palette = { { 0, 0, 0 }, { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 } } };
        const char *path = temp_path("kind.png");
        hf_error err = { 0 };
        cr_assert_eq(hf_png_write(path, &image, &err), HF_OK, "%s", err.text);
        hf_png *png = read_ok(path);
        cr_assert_eq(png->kind, kind);
        cr_assert_arr_eq(png->pixels, pixels, 6 * (size_t)hf_png_channels(png->kind));
        if (kind == HF_PNG_PALETTE)
            cr_assert(png->n_palette == 4 && !memcmp(png->palette, image.palette, 12));
        hf_png_free(&png);
    }
}

Test(png, files_that_are_no_png_are_named_for_what_they_are)
{
    refuses(temp_path("none.png"), HF_EIO, "No such file");
    mkdir(temp_path("folder"), 0777);
    refuses(temp_path("folder"), HF_EIO, "is a folder");
    refuses(write_file("empty.png", "", 0), HF_EFORMAT, "empty file");
    refuses(write_file("a.jpg", "\xff\xd8\xff\xe0 JFIF", 9), HF_EFORMAT, "this is a JPEG file");
    refuses(write_file("a.gif", "GIF89a......", 12), HF_EFORMAT, "this is a GIF file");
    refuses(write_file("text.png", "hello, mask", 11), HF_EFORMAT, "not a PNG image");
    refuses(write_file("short.png", "\x89PNG", 4), HF_EFORMAT, "not a PNG image");
    refuses(write_file("magic.png", "\x89PNG\r\n\x1a\n", 8), HF_EFORMAT, "no image header");
}

Test(png, an_unreadable_file_is_refused)
{
    const char *path = write_file("locked.png", "x", 1);
    chmod(path, 0);
    if (geteuid() == 0) /* root reads every file; this test is its own process */
        cr_assert_eq(seteuid(65534), 0);
    refuses(path, HF_EIO, "Permission denied");
}

Test(png, a_file_cut_anywhere_is_refused)
{
    static bytes b;
    make_gray(&b);
    for (size_t n = 33; n < b.n; n++)
        refuses(write_file("cut.png", b.data, n), HF_EFORMAT, "the file ends early");
}

Test(png, a_damaged_byte_is_refused_or_harmless_and_never_a_crash)
{
    static bytes b;
    for (size_t at = 0; at < 80; at++) {
        make_gray(&b);
        if (at >= b.n)
            break;
        b.data[at] ^= 0x55;
        hf_png *png;
        if (hf_png_read(&png, write_file("hurt.png", b.data, b.n), NULL) == HF_OK)
            cr_assert(at > 0 && png->width == 2);
        hf_png_free(&png);
    }
}

Test(png, a_wrong_checksum_of_the_pixels_is_refused)
{
    static bytes b;
    make_gray(&b);
    b.data[b.n - 12 - 1] ^= 1; /* the last byte of IDAT's checksum, before the 12 of IEND */
    refuses_bytes(&b, HF_EFORMAT, "CRC");
}

Test(png, sizes_that_lie_are_refused_before_memory_is_taken)
{
    static const struct {
        uint32_t    width, height;
        int         status;
        const char *text;
    } cases[] = {
        { 0, 5, HF_EFORMAT, "0 x 5 pixels" },
        { 5, 0, HF_EFORMAT, "5 x 0 pixels" },
        { 0x7fffffff, 0x7fffffff, HF_EUNSUPPORTED, "want at most" },
        { 0xffffffff, 1, HF_EUNSUPPORTED, "want at most" },
        { 20000, 20000, HF_EUNSUPPORTED, "want at most" },
    };
    static bytes b;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        b.n = 0;
        put_head(&b, cases[i].width, cases[i].height, 8, RGBA);
        put_end(&b);
        refuses_bytes(&b, cases[i].status, cases[i].text);
    }
}

Test(png, a_header_of_impossible_bits_is_refused)
{
    static bytes b;
    b.n = 0;
    put_head(&b, 2, 2, 3, GRAY);
    put_end(&b);
    refuses_bytes(&b, HF_EFORMAT, "broken PNG");
}

Test(png, a_palette_file_without_palette_is_refused)
{
    const uint8_t row = 0;
    refuses(write_png("a.png", 4, 1, 2, PALETTE, &row, 1, NULL, 0, NULL, 0), HF_EFORMAT, "broken PNG");
}

Test(png, an_index_beyond_the_palette_is_refused_with_its_place)
{
    const uint8_t rows[2] = { 0x00, 0x03 }; /* the last of 4 x 2 is 3 */
    refuses(write_png("a.png", 4, 2, 2, PALETTE, rows, 1, four_colors, 3, NULL, 0), HF_EFORMAT,
            "palette index 3 at x 3, y 1, but the palette has 3 entries");
}

Test(png, pixels_that_are_missing_are_refused)
{
    static bytes b;
    static const uint8_t rows[4] = { 0 };
    b.n = 0;
    put_head(&b, 2, 9, 8, GRAY); /* nine rows are promised, two given */
    put_pixels(&b, rows, 2, 2);
    put_end(&b);
    refuses_bytes(&b, HF_EFORMAT, "broken PNG");
}

Test(png, writing_refuses_what_cannot_be_stored_and_leaves_nothing_behind)
{
    uint8_t pixel[4] = { 0 };
    hf_png image = { .width = 1, .height = 1, .kind = HF_PNG_GRAY, .bits = 4, .pixels = pixel };
    hf_error err = { 0 };
    cr_assert_eq(hf_png_write(temp_path("x.png"), &image, &err), HF_EARG);
    image.bits = 8;
    cr_assert_eq(hf_png_write(temp_path("nowhere/x.png"), &image, &err), HF_EIO);
    cr_assert(strstr(err.text, "No such file"), "%s", err.text);
    mkdir(temp_path("taken.png"), 0777);
    cr_assert_eq(hf_png_write(temp_path("taken.png"), &image, &err), HF_EIO);
    cr_assert(access(temp_path("taken.png.part"), F_OK) != 0);
}

Test(png, a_full_disk_is_reported)
{
    static uint8_t pixels[256 * 256];
    hf_png image = { .width = 256, .height = 256, .kind = HF_PNG_GRAY, .bits = 8, .pixels = pixels };
    hf_error err = { 0 };
    for (size_t i = 0; i < sizeof(pixels); i++)
        pixels[i] = (uint8_t)(i * i >> 7);
    const char *path = temp_path("full.png");
    char part[300];
    snprintf(part, sizeof(part), "%s.part", path);
    cr_assert_eq(symlink("/dev/full", part), 0);
    cr_assert_eq(hf_png_write(path, &image, &err), HF_EIO);
    cr_assert(strstr(err.text, "No space left"), "%s", err.text);
    cr_assert(access(path, F_OK) != 0);
}
