#include "core/checkpoint/damage.h"

#include "core/base/status.h"
#include "core/checkpoint/bundle_writer.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/checkpoint/file_names.h"
#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

TEST(DamageTest, IsToldByMarkOrByCode) {
  EXPECT_TRUE(IsDamage(DataLoss("x")));
  EXPECT_TRUE(IsDamage(OutOfRange("x")));
  for (const absl::Status& status :
       {NotFound("x"), InvalidArgument("x"), Internal("x"), Unimplemented("x"),
        ResourceExhausted("x"), absl::PermissionDeniedError("x")}) {
    EXPECT_FALSE(IsDamage(status)) << status;
    EXPECT_EQ(AsDamage(status), status);
    EXPECT_TRUE(IsDamage(MarkDamage(status))) << status;
    EXPECT_TRUE(IsDamage(Annotate(MarkDamage(status), "at: "))) << status;
    EXPECT_THAT(AsDamage(MarkDamage(status)),
                HasCode(absl::StatusCode::kDataLoss, "x"));
  }
  EXPECT_OK(AsDamage(MarkDamage(absl::OkStatus())));
}

TEST(DamageTest, KeepsTheDetailsOfAnError) {
  absl::Status status = OutOfRange("x");
  status.SetPayload("url", absl::Cord("details"));
  EXPECT_EQ(AsDamage(status).GetPayload("url"), absl::Cord("details"));
}

class DamagedFilesTest : public testing::Test {
 protected:
  DamagedFilesTest() {
    auto writer = BundleWriter::Create(FileSystem::Posix(), prefix_);
    EXPECT_OK(writer);
    EXPECT_OK((*writer)->Add("a", MakeTensor<float>({2}, {1, 2})));
    EXPECT_OK((*writer)->Finish());
  }
  absl::Status Read() {
    auto reader = CheckpointReader::Open(FileSystem::Posix(), prefix_);
    return reader.ok() ? (*reader)->Read("a").status() : reader.status();
  }

  TempDir dir_;
  const std::string prefix_ = dir_.Join("m");
};

TEST_F(DamagedFilesTest, ADataFileThatIsMissingOrShortIsDamage) {
  EXPECT_OK(Read());
  ASSERT_OK(
      WriteFileAtomically(FileSystem::Posix(), DataPath(prefix_, 0, 1), "x"));
  EXPECT_TRUE(IsDamage(Read())) << Read();
  ASSERT_OK(FileSystem::Posix().Remove(DataPath(prefix_, 0, 1)));
  EXPECT_TRUE(IsDamage(Read())) << Read();
  EXPECT_TRUE(absl::IsNotFound(Read())) << "TensorFlow's code";
}

TEST_F(DamagedFilesTest, ATensorThatIsNotThereIsNoDamage) {
  auto reader = CheckpointReader::Open(FileSystem::Posix(), prefix_);
  ASSERT_OK(reader);
  EXPECT_FALSE(IsDamage((*reader)->Read("b").status()));
}

}  // namespace
}  // namespace metagraph
