#include "trace/trace-hw_display_intel_gen12.h"
