/* html.c - see html.h. */
#include "src/cli/html.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/cli/settings.h"

struct hf_html {
    FILE *file; /* NULL once finished */
    char *path, *part;
    int   error; /* errno of the first failed write, or 0 */
};

int hf_html_check(const char *path, hf_error *err)
{
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    struct stat st;
    int rc = HF_OK;

    if (!folder)
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        rc = hf_fail(err, HF_EIO, "%s: is a folder, want the name of an HTML file", path);
    else if (!dot || (strcasecmp(dot, ".html") && strcasecmp(dot, ".htm")))
        rc = hf_fail(err, HF_EARG, "%s: the report is a web page, want a name that ends in .html", path);
    else if (access(folder, W_OK) != 0)
        rc = hf_fail(err, HF_EIO, "%s: %s", folder, strerror(errno));
    free(folder);
    return rc;
}

int hf_html_open(hf_html **out, const char *path, hf_error *err)
{
    hf_html *h = calloc(1, sizeof(*h));
    int rc = HF_OK;

    *out = NULL;
    if (!h || !(h->path = strdup(path)) || asprintf(&h->part, "%s.part", path) < 0) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    if (!(h->file = fopen(h->part, "w"))) {
        rc = hf_fail(err, HF_EIO, "%s: %s", h->part, strerror(errno));
        goto end;
    }
    *out = h;
    h = NULL;
end:
    hf_html_close(&h);
    return rc;
}

int hf_html_finish(hf_html *h, hf_error *err)
{
    if (ferror(h->file) && !h->error)
        h->error = EIO;
    if (fclose(h->file) != 0 && !h->error)
        h->error = errno;
    h->file = NULL;
    if (!h->error && rename(h->part, h->path) != 0)
        h->error = errno;
    if (!h->error)
        return HF_OK;
    unlink(h->part);
    return hf_fail(err, HF_EIO, "%s: %s", h->path, strerror(h->error));
}

void hf_html_close(hf_html **html)
{
    hf_html *h = *html;

    if (!h)
        return;
    if (h->file) {
        fclose(h->file);
        unlink(h->part);
    }
    free(h->part);
    free(h->path);
    free(h);
    *html = NULL;
}

/* The reason of a failed write is errno right behind it; later it is anything. */
static void note(hf_html *h, int failed)
{
    if (failed && !h->error)
        h->error = errno ? errno : EIO;
}

void hf_html_put(hf_html *h, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    note(h, vfprintf(h->file, format, arguments) < 0);
    va_end(arguments);
}

static const char *entity(unsigned char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return c < ' ' || c == 127 ? "?" : NULL;
    }
}

void hf_html_text(hf_html *h, const char *text)
{
    /* The same rule for bad UTF-8 as in JSON, so that page and JSON show the same names. */
    json_t *clean = hf_json_text(text);

    if (!clean) {
        note(h, (errno = ENOMEM));
        return;
    }
    for (const char *c = json_string_value(clean); *c; c++) {
        const char *escaped = entity((unsigned char)*c);
        note(h, (escaped ? fputs(escaped, h->file) : fputc(*c, h->file)) == EOF);
    }
    json_decref(clean);
}

void hf_html_data_uri(hf_html *h, const char *mime, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    hf_html_put(h, "data:%s;base64,", mime);
    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t word = (uint32_t)bytes[i] << 16 | (n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (n > 2 ? bytes[i + 2] : 0);
        char text[4] = { digits[word >> 18], digits[word >> 12 & 63], n > 1 ? digits[word >> 6 & 63] : '=',
                         n > 2 ? digits[word & 63] : '=' };
        note(h, fwrite(text, 1, 4, h->file) != 4);
    }
}
