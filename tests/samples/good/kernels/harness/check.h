#pragma once
#define CHECK(x) x
