#include "flags/flags.h"

#include <cstdlib>

#include "flags/usage_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

enum class Fruit { kNone, kApple, kPear };

class FlagsTest : public testing::Test {
 protected:
  FlagsTest() {
    AddInteger(app_, "--count", &count_, "", 1, 10)
        ->envname("FLAGS_TEST_COUNT");
    AddBytes(app_, "--memory", &memory_, "", 1, 4096);
    AddTime(app_, "--wait", &wait_, "");
    AddText(app_, "--name", &name_, "");
    AddChoice<Fruit>(app_, "--fruit", &fruit_,
                     {{"apple", Fruit::kApple}, {"pear", Fruit::kPear}}, "");
    CLI::Option* yes = app_.add_flag("--yes", yes_, "");
    app_.add_flag("--no", no_, "")->excludes(yes);
  }
  // What is wrong; "" if nothing.
  std::string Parse(const std::vector<std::string>& arguments) {
    try {
      ParseArguments(app_, arguments);
    } catch (const CLI::ParseError& error) {
      return UsageText(app_, error, arguments);
    }
    return "";
  }

  CLI::App app_;
  int32_t count_ = 0;
  int64_t memory_ = 0;
  absl::Duration wait_;
  std::string name_;
  Fruit fruit_ = Fruit::kNone;
  bool yes_ = false;
  bool no_ = false;
};

TEST_F(FlagsTest, TakeTheirValues) {
  EXPECT_EQ(Parse({"--count", "7", "--memory=2KiB", "--wait", "500ms",
                   "--name=x", "--fruit", "pear", "--yes"}),
            "");
  EXPECT_EQ(count_, 7);
  EXPECT_EQ(memory_, 2048);
  EXPECT_EQ(wait_, absl::Milliseconds(500));
  EXPECT_EQ(name_, "x");
  EXPECT_EQ(fruit_, Fruit::kPear);
  EXPECT_TRUE(yes_);
}

TEST_F(FlagsTest, SayWhatWasExpectedAndFound) {
  EXPECT_EQ(Parse({"--count", "11"}),
            "--count: expected a whole number from 1 to 10, found \"11\"");
  EXPECT_EQ(Parse({"--count=1.5"}),
            "--count: expected a whole number from 1 to 10, found \"1.5\"");
  EXPECT_EQ(Parse({"--memory", "5KiB"}),
            "--memory: expected at most 4096 bytes, found \"5KiB\"");
  EXPECT_EQ(Parse({"--memory", "x"}),
            "--memory: expected a size such as 512MB or 2GiB, or a number of "
            "bytes, found \"x\"");
  EXPECT_EQ(Parse({"--wait=-1"}),
            "--wait: expected a time such as 5s, 500ms or 2m, or a number of "
            "seconds, found \"-1\"");
  EXPECT_EQ(Parse({"--wait=4000h"}),
            "--wait: expected at most 10000000 seconds, found \"4000h\"");
  EXPECT_EQ(Parse({"--name", ""}), "--name: the value is empty");
  EXPECT_EQ(Parse({"--fruit", "peer"}),
            "--fruit: expected apple or pear, found \"peer\"; did you mean "
            "\"pear\"?");
}

TEST_F(FlagsTest, MistypedFlagsGetASuggestion) {
  EXPECT_EQ(Parse({"--cuont", "3"}),
            "there is no flag --cuont; did you mean \"--count\"?");
  EXPECT_EQ(Parse({"--zzzzzzzz=3"}), "there is no flag --zzzzzzzz");
  EXPECT_EQ(Parse({"stray"}), "one argument too many: \"stray\"");
}

TEST_F(FlagsTest, ValuesThatAreMissingOrTooMany) {
  EXPECT_EQ(Parse({"--count"}), "--count needs a value");
  EXPECT_EQ(Parse({"--name="}), "--name needs a value");
  EXPECT_EQ(Parse({"--name", "a", "--name", "b"}),
            "--name is given more than once");
  EXPECT_EQ(Parse({"--yes=perhaps"}),
            "--yes: expected true, false or no value, found \"perhaps\"");
  EXPECT_EQ(Parse({"--yes", "--no"}), "--yes and --no do not go together");
}

TEST_F(FlagsTest, TheEnvironmentIsBlamedForItsOwn) {
  setenv("FLAGS_TEST_COUNT", "many", 1);
  EXPECT_EQ(Parse({}),
            "FLAGS_TEST_COUNT: expected a whole number from 1 to 10, found "
            "\"many\"");
  EXPECT_EQ(Parse({"--count=0"}),
            "--count: expected a whole number from 1 to 10, found \"0\"");
  unsetenv("FLAGS_TEST_COUNT");
}

}  // namespace
}  // namespace metagraph
