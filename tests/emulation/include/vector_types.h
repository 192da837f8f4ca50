/* vector_types.h - for tests/emulation. */
#include "tests/emulation/vector_types.h"
