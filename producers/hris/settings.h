// SPDX-License-Identifier: MIT
#pragma once

#include "base/settings.h"

// The settings of retentionai-hris, as main reads them. Plain data.
struct settings {
#define SETTING SETTING_MEMBER
#include "settings.def"
#undef SETTING
};
