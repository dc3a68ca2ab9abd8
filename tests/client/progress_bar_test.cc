#include "client/progress_bar.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

v1::Progress Half() {
  v1::Progress progress;
  progress.set_bytes_done(500'000);
  progress.set_bytes_total(1'000'000);
  return progress;
}

TEST(ProgressBarTest, ShowsThePartAndWipesItself) {
  std::stringstream in, out, err;
  Console console{in, out, err, true, true, true};
  {
    ProgressBar bar(console, "saving");
    bar.Update(Half());
    EXPECT_THAT(err.str(), HasSubstr("saving [###############....."));
    EXPECT_THAT(err.str(), HasSubstr("50 %  500.0 kB of 1.0 MB"));
  }
  EXPECT_THAT(err.str(), EndsWith("\r\033[K"));
  EXPECT_EQ(out.str(), "");
}

TEST(ProgressBarTest, IsSilentInAPipe) {
  std::stringstream in, out, err;
  Console console{in, out, err};
  { ProgressBar(console, "saving").Update(Half()); }
  EXPECT_EQ(err.str(), "");
}

TEST(ProgressBarTest, SurvivesNumbersThatMakeNoSense) {
  std::stringstream in, out, err;
  Console console{in, out, err, true, true, true};
  ProgressBar bar(console, "saving");
  v1::Progress progress;
  progress.set_bytes_total(1);
  progress.set_bytes_done(1'000'000);
  bar.Update(progress);
  progress.set_bytes_done(-5);
  bar.Update(progress);
  EXPECT_THAT(err.str(), HasSubstr("100 %"));
}

}  // namespace
}  // namespace metagraph
