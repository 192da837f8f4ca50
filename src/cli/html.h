/* html.h - an HTML page that is written piece by piece: escaping, inline pictures, whole or not there. */
#ifndef HF_SRC_CLI_HTML_H
#define HF_SRC_CLI_HTML_H

#include <stddef.h>
#include <stdint.h>
#include "src/error.h"

typedef struct hf_html hf_html;

/* Whether a page could be written there, before hours of work: HF_EARG if the name does not end in .html or .htm,
 * HF_EIO if it is a folder or its folder cannot be written into. Creates nothing. */
int  hf_html_check(const char *path, hf_error *err);

/* Start PATH.part. HF_EIO, HF_ENOMEM; *out is NULL then. */
int  hf_html_open(hf_html **out, const char *path, hf_error *err);

/* PATH.part becomes PATH. HF_EIO with the system's reason if any byte could not be written. */
int  hf_html_finish(hf_html *html, hf_error *err);

/* Release; an unfinished page leaves nothing behind. */
void hf_html_close(hf_html **html);

/* Markup as it is. What cannot be written is told by hf_html_finish. */
void hf_html_put(hf_html *html, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text from outside, for element content and for quoted attributes: the five special characters are
 * escaped, control characters become '?', and so do bytes beyond ASCII if the text is not UTF-8. */
void hf_html_text(hf_html *html, const char *text);

/* A data: URI. */
void hf_html_data_uri(hf_html *html, const char *mime, const uint8_t *bytes, size_t size);

#endif
