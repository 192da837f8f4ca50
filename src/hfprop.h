/* hfprop.h - the public API, in pipeline order. */
#ifndef HFPROP_H
#define HFPROP_H

#include "src/error.h"

#endif
