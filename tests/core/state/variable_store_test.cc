#include "core/state/variable_store.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

using ::absl::StatusCode;

class VariableStoreTest : public ::testing::Test {
 protected:
  VariableInfo Make(const std::string& name) {
    auto info = store_.FindOrCreate("", name, DT_FLOAT, PartialShape());
    EXPECT_OK(info);
    return *info;
  }
  std::shared_ptr<const Generation> Read() {
    auto generation = store_.Read(call_);
    EXPECT_OK(generation);
    return *generation;
  }
  std::unique_ptr<VariableView> BeginWrite() {
    auto view = store_.BeginWrite(call_);
    EXPECT_OK(view);
    return *std::move(view);
  }
  // Replaces the value within a step of its own.
  void Assign(const VariableInfo& variable, float value) {
    const auto view = BeginWrite();
    EXPECT_OK(view->Update(variable.slot, [&](LiveVariable& live) {
      live.Set(Tensor::Scalar<float>(value));
      return absl::OkStatus();
    }));
  }
  // Adds to the value in place, as AssignAdd does.
  static absl::Status Add(VariableView& view, int slot, float delta) {
    return view.Update(slot, [&](LiveVariable& live) -> absl::Status {
      ASSIGN_OR_RETURN(Tensor * tensor, live.MakeWritable());
      tensor->mutable_data<float>()[0] += delta;
      return absl::OkStatus();
    });
  }
  static float ValueOf(const Generation& generation,
                       const VariableInfo& variable) {
    return generation.value(variable.slot).scalar<float>();
  }

  VariableStore store_;
  CallContext call_;
};

TEST_F(VariableStoreTest, StartsWithNothingInitialised) {
  const VariableInfo v = Make("v");
  const auto generation = Read();
  EXPECT_EQ(generation->number, 0);
  EXPECT_EQ(generation->checkpoint, "");
  EXPECT_FALSE(generation->as_restored);
  EXPECT_FALSE(generation->value(v.slot).initialized());
}

TEST_F(VariableStoreTest, FindsVariablesByContainerAndName) {
  const VariableInfo v = Make("v");
  ASSERT_OK_AND_ASSIGN(
      VariableInfo other,
      store_.FindOrCreate("c", "v", DT_INT32, PartialShape(TensorShape{2})));
  EXPECT_NE(other.slot, v.slot);
  ASSERT_OK_AND_ASSIGN(VariableInfo found, store_.Find("localhost", "v"));
  EXPECT_EQ(found.slot, v.slot);
  EXPECT_EQ(store_.Get(other.slot).shape.ToString(), "[2]");
  EXPECT_EQ(store_.List().size(), 2u);
  EXPECT_EQ(store_.Find("", "w").status().code(), StatusCode::kNotFound);
  EXPECT_THAT(store_.FindOrCreate("", "v", DT_INT32, PartialShape()),
              HasCode(StatusCode::kInvalidArgument,
                      "variable \"v\" has dtype float, not int32"));
}

TEST_F(VariableStoreTest, AStepSeesItsOwnWritesOthersWhenItHasEnded) {
  const VariableInfo v = Make("v");
  Assign(v, 1);
  const auto before = Read();
  {
    const auto view = BeginWrite();
    ASSERT_OK(Add(*view, v.slot, 1));
    Tensor scratch;
    EXPECT_EQ(view->Read(v.slot, &scratch).scalar<float>(), 2);
    EXPECT_EQ(ValueOf(*Read(), v), 1);
    EXPECT_EQ(view->generation().number, before->number);
  }
  EXPECT_EQ(ValueOf(*Read(), v), 2);
  EXPECT_EQ(ValueOf(*before, v), 1);
  EXPECT_EQ(store_.generation_number(), before->number + 1);
}

TEST_F(VariableStoreTest, AStepThatWroteNothingLeavesTheGeneration) {
  Assign(Make("v"), 1);
  const auto before = Read();
  BeginWrite();
  EXPECT_EQ(Read(), before);
}

TEST_F(VariableStoreTest, AFailedUpdateIsReportedAndTheStepStillEnds) {
  const VariableInfo v = Make("v");
  Assign(v, 1);
  {
    const auto view = BeginWrite();
    EXPECT_THAT(view->Update(
                    v.slot, [](LiveVariable&) { return OutOfRange("enough"); }),
                HasCode(StatusCode::kOutOfRange, "enough"));
  }
  EXPECT_EQ(ValueOf(*Read(), v), 1);
  Assign(v, 2);
  EXPECT_EQ(ValueOf(*Read(), v), 2);
}

TEST_F(VariableStoreTest, AViewThatReadsRefusesUpdates) {
  const VariableInfo v = Make("v");
  Assign(v, 1);
  VariableView view(Read());
  EXPECT_FALSE(view.writable());
  Tensor scratch;
  EXPECT_EQ(view.Read(v.slot, &scratch).scalar<float>(), 1);
  EXPECT_EQ(Add(view, v.slot, 1).code(), StatusCode::kInternal);
  const int slots[] = {v.slot};
  EXPECT_EQ(view.Update(slots,
                        [](absl::Span<LiveVariable* const>) {
                          return absl::OkStatus();
                        })
                .code(),
            StatusCode::kInternal);
}

TEST_F(VariableStoreTest, VariablesMadeDuringAStepAreNotPartOfIt) {
  const auto view = BeginWrite();
  const VariableInfo v = Make("v");
  Tensor scratch;
  EXPECT_FALSE(view->Read(v.slot, &scratch).initialized());
  EXPECT_EQ(Add(*view, v.slot, 1).code(), StatusCode::kInternal);
}

// Copying a large value takes longer than to write one element of it; where
// nobody reads it is therefore written in place.
class LargeVariableTest : public VariableStoreTest {
 protected:
  void SetUp() override {
    auto info = store_.FindOrCreate("", "large", DT_FLOAT, PartialShape());
    ASSERT_OK(info);
    large_ = *info;
    small_ = Make("small");
    const auto view = BeginWrite();
    ASSERT_OK(view->Update(large_.slot, [&](LiveVariable& live) {
      auto value = Tensor::Allocate(DT_FLOAT, {16 << 20});
      EXPECT_OK(value);
      std::fill_n(value->mutable_data<float>(), 16 << 20, 0.0f);
      live.Set(*std::move(value));
      return absl::OkStatus();
    }));
    ASSERT_OK(view->Update(small_.slot, [&](LiveVariable& live) {
      live.Set(Tensor::Scalar<float>(0));
      return absl::OkStatus();
    }));
  }
  // A step that adds 1 to both; where the large value was afterwards.
  const void* Step() {
    const auto view = BeginWrite();
    EXPECT_OK(Add(*view, large_.slot, 1));
    EXPECT_OK(Add(*view, small_.slot, 1));
    ++steps_;
    Tensor scratch;
    return view->Read(large_.slot, &scratch).raw_data();
  }
  // Steps until one writes in place; the first has to copy in any case, and
  // a busy machine may make a step seem longer than it is.
  void TrainUntilInPlace() {
    const void* address = Step();
    for (int i = 0; i < 50; ++i) {
      const void* next = Step();
      if (next == address) return;
      address = next;
    }
    FAIL() << "each step copied";
  }

  VariableInfo large_;
  VariableInfo small_;
  int steps_ = 0;
};

TEST_F(LargeVariableTest, TrainingThatNobodyReadsWritesInPlace) {
  TrainUntilInPlace();
  // A reader costs one copy, at the next write.
  const auto generation = Read();
  const void* address = generation->value(large_.slot).raw_data();
  EXPECT_NE(Step(), address);
  EXPECT_EQ(ValueOf(*generation, large_), steps_ - 1);
  EXPECT_EQ(ValueOf(*Read(), large_), steps_);
}

TEST_F(LargeVariableTest, AReaderThatWaitsGetsWhatTheStepWrote) {
  TrainUntilInPlace();
  auto writer = BeginWrite();
  ASSERT_OK(Add(*writer, large_.slot, 1));
  EXPECT_EQ(store_.TryRead(), nullptr);
  CallContext cancelled;
  cancelled.Cancel();
  EXPECT_EQ(store_.Read(cancelled).status().code(), StatusCode::kCancelled);
  std::thread reader([&] { EXPECT_EQ(ValueOf(*Read(), large_), steps_ + 1); });
  writer.reset();
  reader.join();
  EXPECT_NE(store_.TryRead(), nullptr);
}

TEST_F(LargeVariableTest, LookingNeitherWaitsNorCosts) {
  TrainUntilInPlace();
  const void* address = Step();
  const auto writer = BeginWrite();
  const auto seen = store_.Peek();
  EXPECT_FALSE(seen->complete());
  EXPECT_EQ(seen->number, store_.generation_number());
  EXPECT_EQ(ValueOf(*seen, small_), steps_);
  EXPECT_TRUE(seen->has_value(large_.slot));
  EXPECT_EQ(seen->missing_bytes, int64_t{64} << 20);
  ASSERT_OK(Add(*writer, large_.slot, 1));
  Tensor scratch;
  EXPECT_EQ(writer->Read(large_.slot, &scratch).raw_data(), address);
}

TEST_F(LargeVariableTest, WhoMayWantToGoBackFindsAllValues) {
  TrainUntilInPlace();
  ASSERT_OK_AND_ASSIGN(auto step, store_.BeginWrite(call_, {large_.slot}, -1,
                                                    /*keep_replaced=*/true));
  EXPECT_TRUE(step->generation().complete());
  ASSERT_OK(Add(*step, large_.slot, 1));
  step->Undo();
  const int64_t number = step->End();
  EXPECT_EQ(number, Read()->number);
  EXPECT_EQ(ValueOf(*Read(), large_), steps_);
}

// Which buffers a step leaves behind, whether it copied or not.
TEST_F(LargeVariableTest, StepsHoldNoMoreThanTwoGenerations) {
  const int64_t before = MemoryBudget::Process().used();
  const int64_t size = int64_t{64} << 20;
  for (int i = 0; i < 5; ++i) {
    const auto reader = Read();
    Step();
    EXPECT_LE(MemoryBudget::Process().used(), before + size + 4096);
  }
}

TEST_F(VariableStoreTest, OverwritingTakesAFreshBufferWhereTheOldIsShared) {
  const VariableInfo v = Make("v");
  Assign(v, 1);
  const auto before = Read();
  const auto writer = BeginWrite();
  for (const bool shared : {true, false}) {
    ASSERT_OK(writer->Update(v.slot, [&](LiveVariable& live) -> absl::Status {
      Tensor old;
      ASSIGN_OR_RETURN(Tensor * value, live.MakeOverwritable(&old));
      EXPECT_EQ(old.raw_data() != value->raw_data(), shared);
      value->mutable_data<float>()[0] = old.scalar<float>() + 1;
      return absl::OkStatus();
    }));
  }
  Tensor scratch;
  EXPECT_EQ(writer->Read(v.slot, &scratch).scalar<float>(), 3);
  EXPECT_EQ(ValueOf(*before, v), 1);
}

TEST_F(VariableStoreTest, AStepThatIsTakenBackLeavesNothing) {
  const VariableInfo v = Make("v");
  const VariableInfo w = Make("w");
  Assign(v, 1);
  const auto before = Read();
  {
    ASSERT_OK_AND_ASSIGN(auto step, store_.BeginWrite(call_, {v.slot}));
    ASSERT_OK(Add(*step, v.slot, 1));
    ASSERT_OK(step->Replace({{w.slot, Tensor::Scalar<float>(7)}}));
    step->SetCheckpoint("half", true);
    step->Undo();
  }
  EXPECT_EQ(Read(), before);
  Assign(v, 5);
  EXPECT_EQ(Read()->checkpoint, "");
  EXPECT_FALSE(Read()->value(w.slot).initialized());
}

TEST_F(VariableStoreTest, AStepComparesTheGenerationWhenItBegins) {
  const VariableInfo v = Make("v");
  Assign(v, 1);
  EXPECT_THAT(store_.BeginWrite(call_, {}, 0),
              HasCode(StatusCode::kAborted, "generation is 1, expected 0"));
  ASSERT_OK_AND_ASSIGN(auto step, store_.BeginWrite(call_, {}, 1));
  ASSERT_OK(Add(*step, v.slot, 1));
  EXPECT_EQ(step->End(), 2);
  EXPECT_EQ(step->generation().number, 2);
  EXPECT_EQ(ValueOf(*Read(), v), 2);
}

TEST_F(VariableStoreTest, AWriterWaitsUntilItIsCancelled) {
  const auto writer = BeginWrite();
  CallContext call;
  std::thread waiter([&] {
    EXPECT_EQ(store_.BeginWrite(call).status().code(), StatusCode::kCancelled);
  });
  call.Cancel();
  waiter.join();
}

TEST_F(VariableStoreTest, WritesThroughReferencesShowInWhatTheStepRead) {
  const VariableInfo v = Make("v");
  const VariableInfo w = Make("w");
  Assign(v, 1);
  Assign(w, 1);
  const auto before = Read();
  Tensor v_read;
  Tensor w_read;
  {
    ASSERT_OK_AND_ASSIGN(auto view, store_.BeginWrite(call_, {v.slot}));
    view->Read(v.slot, &v_read);
    view->Read(w.slot, &w_read);
    ASSERT_OK(Add(*view, v.slot, 1));
    ASSERT_OK(Add(*view, w.slot, 1));
    EXPECT_EQ(v_read.scalar<float>(), 2);
    EXPECT_EQ(w_read.scalar<float>(), 1) << "not written by reference";
  }
  // Steps after it leave it alone, generations stay as they are.
  {
    ASSERT_OK_AND_ASSIGN(auto view, store_.BeginWrite(call_, {v.slot}));
    ASSERT_OK(Add(*view, v.slot, 1));
  }
  EXPECT_EQ(v_read.scalar<float>(), 2);
  EXPECT_EQ(ValueOf(*before, v), 1);
  EXPECT_EQ(ValueOf(*Read(), v), 3);
}

TEST_F(VariableStoreTest, AValueThatIsSetIsSharedUntilItIsWritten) {
  const VariableInfo v = Make("v");
  const Tensor constant = Tensor::Scalar<float>(7);
  ASSERT_OK_AND_ASSIGN(auto view, store_.BeginWrite(call_, {v.slot}));
  ASSERT_OK(view->Update(v.slot, [&](LiveVariable& live) {
    live.Set(constant);
    return absl::OkStatus();
  }));
  ASSERT_OK(Add(*view, v.slot, 1));
  EXPECT_EQ(constant.scalar<float>(), 7);
  Tensor scratch;
  EXPECT_EQ(view->Read(v.slot, &scratch).scalar<float>(), 8);
}

TEST_F(VariableStoreTest, UpdatesSeveralVariablesAtOnceInAnyOrder) {
  std::vector<VariableInfo> variables;
  for (int i = 0; i < 20; ++i) {
    variables.push_back(Make(absl::StrCat("v", i)));
    Assign(variables.back(), static_cast<float>(i));
  }
  {
    const auto view = BeginWrite();
    // More variables than locks, so some share one.
    std::vector<int> slots;
    for (int i = 19; i >= 0; --i) slots.push_back(variables[i].slot);
    ASSERT_OK(view->Update(
        slots, [&](absl::Span<LiveVariable* const> live) -> absl::Status {
          for (size_t i = 0; i < live.size(); ++i) {
            EXPECT_EQ(live[i]->value().scalar<float>(),
                      19 - static_cast<int>(i));
            live[i]->Set(Tensor::Scalar<float>(-1));
          }
          return absl::OkStatus();
        }));
  }
  for (const auto& v : variables) EXPECT_EQ(ValueOf(*Read(), v), -1);
}

TEST_F(VariableStoreTest, PublishReplacesSomeValuesInOneStep) {
  const VariableInfo a = Make("a");
  const VariableInfo b = Make("b");
  Assign(a, 1);
  Assign(b, 2);
  const auto before = Read();
  ASSERT_OK_AND_ASSIGN(const VariableStore::Published done,
                       store_.Publish({{a.slot, Tensor::Scalar<float>(5)}},
                                      "ckpt-5", before->number, call_));
  EXPECT_EQ(done.replaced, before);
  const auto published = done.now;
  EXPECT_EQ(published, Read());
  EXPECT_EQ(published->number, before->number + 1);
  EXPECT_EQ(published->checkpoint, "ckpt-5");
  EXPECT_TRUE(published->as_restored);
  EXPECT_EQ(ValueOf(*published, a), 5);
  EXPECT_EQ(ValueOf(*published, b), 2);
  EXPECT_EQ(ValueOf(*before, a), 1);
  Assign(b, 3);
  EXPECT_FALSE(Read()->as_restored);
  EXPECT_EQ(Read()->checkpoint, "ckpt-5");
}

TEST_F(VariableStoreTest, PublishRefusesAnOutdatedExpectation) {
  const VariableInfo v = Make("v");
  Assign(v, 1);
  EXPECT_THAT(
      store_.Publish({{v.slot, Tensor::Scalar<float>(5)}}, "x", 0, call_),
      HasCode(StatusCode::kAborted, "generation is 1, expected 0"));
  EXPECT_EQ(ValueOf(*Read(), v), 1);
}

TEST_F(VariableStoreTest, PublishRefusesWhatIsNoValueOfTheVariable) {
  const VariableInfo v = Make("v");
  Assign(v, 1);
  for (const int slot : {-1, v.slot + 1}) {
    EXPECT_EQ(store_
                  .Publish({{v.slot, Tensor::Scalar<float>(5)},
                            {slot, Tensor::Scalar<float>(5)}},
                           "x", -1, call_)
                  .status()
                  .code(),
              StatusCode::kInternal);
  }
  EXPECT_THAT(
      store_.Publish({{v.slot, Tensor::Scalar<int32_t>(5)}}, "x", -1, call_),
      HasCode(StatusCode::kInternal, "\"v\" is float, not int32"));
  EXPECT_EQ(ValueOf(*Read(), v), 1);
}

TEST_F(VariableStoreTest, RollbackBringsOldValuesBackUnderANewNumber) {
  const VariableInfo v = Make("v");
  ASSERT_OK(
      store_.Publish({{v.slot, Tensor::Scalar<float>(5)}}, "ckpt", -1, call_));
  const auto restored = Read();
  Assign(v, 6);
  const auto trained = Read();
  const VariableInfo w = Make("w");
  Assign(w, 7);
  ASSERT_OK_AND_ASSIGN(const VariableStore::Published done,
                       store_.Rollback(*restored, -1, call_));
  EXPECT_EQ(ValueOf(*done.replaced, w), 7);
  const auto back = done.now;
  EXPECT_EQ(ValueOf(*back, v), 5);
  EXPECT_FALSE(back->value(w.slot).initialized());
  EXPECT_GT(back->number, trained->number);
  EXPECT_TRUE(back->as_restored);
  // What training had changed is no longer as restored.
  ASSERT_OK(store_.Rollback(*trained, -1, call_));
  const auto again = Read();
  EXPECT_FALSE(again->as_restored);
  EXPECT_EQ(again->checkpoint, "ckpt");
  EXPECT_EQ(store_.Rollback(*restored, 1, call_).status().code(),
            StatusCode::kAborted);
}

TEST_F(VariableStoreTest, WaitingForAWriterEndsWithTheCall) {
  const VariableInfo v = Make("v");
  Assign(v, 1);
  const auto writer = BeginWrite();
  CallContext cancelled;
  cancelled.Cancel();
  EXPECT_EQ(store_.BeginWrite(cancelled).status().code(),
            StatusCode::kCancelled);
  EXPECT_EQ(store_.Publish({}, "", -1, cancelled).status().code(),
            StatusCode::kCancelled);
  CallContext late(absl::InfinitePast());
  EXPECT_EQ(store_.BeginWrite(late).status().code(),
            StatusCode::kDeadlineExceeded);
}

// A read sees every step that has ended, and waits for none that has not.
TEST_F(VariableStoreTest, ReadersNeverWaitForAStep) {
  const VariableInfo v = Make("v");
  Assign(v, 1);
  Assign(v, 2);  // nobody read between
  CallContext impatient;
  impatient.Cancel();
  for (const float newest : {2.0f, 3.0f}) {
    const auto writer = BeginWrite();
    ASSERT_OK(Add(*writer, v.slot, 1));
    ASSERT_OK_AND_ASSIGN(auto generation, store_.Read(impatient));
    EXPECT_EQ(ValueOf(*generation, v), newest);
    EXPECT_EQ(generation->number, store_.generation_number());
  }
}

TEST(VariableStoreReclaimTest, GenerationsGoToTheReclaimerWhenUnused) {
  std::vector<int64_t> reclaimed;
  VariableStore store([&](std::unique_ptr<const Generation> generation) {
    reclaimed.push_back(generation->number);
  });
  CallContext call;
  ASSERT_OK_AND_ASSIGN(VariableInfo v,
                       store.FindOrCreate("", "v", DT_FLOAT, PartialShape()));
  const auto publish = [&](float value) {
    return store.Publish({{v.slot, Tensor::Scalar<float>(value)}}, "", -1,
                         call);
  };
  ASSERT_OK(publish(1));
  ASSERT_OK_AND_ASSIGN(auto held, store.Read(call));
  ASSERT_OK(publish(2));
  EXPECT_TRUE(reclaimed.empty());
  held.reset();
  EXPECT_EQ(reclaimed, std::vector<int64_t>{1});
  ASSERT_OK(publish(3));
  EXPECT_EQ(reclaimed, (std::vector<int64_t>{1, 2}));
}

TEST(LiveVariableTest, CopiesOnlyWhatIsShared) {
  Tensor value = Tensor::Scalar<float>(1);
  LiveVariable live(&value, /*written_by_reference=*/false);
  const void* address = value.raw_data();
  EXPECT_TRUE(live.writable());
  ASSERT_OK(live.MakeWritable());
  EXPECT_EQ(value.raw_data(), address);
  const Tensor other = value;
  EXPECT_FALSE(live.writable());
  ASSERT_OK(live.MakeWritable());
  EXPECT_NE(value.raw_data(), address);
  EXPECT_EQ(value.scalar<float>(), 1);
}

// Two variables always change together: every generation and every step must
// see them equal, while steps write, restores replace and readers read.
TEST_F(VariableStoreTest, ReadersWritersAndRestoresNeverMix) {
  constexpr int kTurns = 300;
  const VariableInfo a = Make("a");
  const VariableInfo b = Make("b");
  Assign(a, 0);
  Assign(b, 0);
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kTurns; ++i) {
        CallContext call;
        auto view = store_.BeginWrite(call);
        if (!view.ok()) continue;
        // The nodes of one step run in parallel.
        std::thread other([&] { EXPECT_OK(Add(**view, a.slot, 1)); });
        EXPECT_OK(Add(**view, b.slot, 1));
        other.join();
        Tensor x, y;
        if ((*view)->Read(a.slot, &x).scalar<float>() !=
            (*view)->Read(b.slot, &y).scalar<float>()) {
          ++torn;
        }
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < kTurns; ++i) {
      CallContext call;
      const float value = static_cast<float>(1000 * i);
      EXPECT_OK(store_.Publish({{a.slot, Tensor::Scalar<float>(value)},
                                {b.slot, Tensor::Scalar<float>(value)}},
                               "x", -1, call));
      EXPECT_OK(store_.FindOrCreate("", absl::StrCat("new", i), DT_FLOAT,
                                    PartialShape()));
    }
  });
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      int64_t last = 0;
      while (!done) {
        CallContext call;
        auto generation = store_.Read(call);
        if (!generation.ok()) continue;
        if (ValueOf(**generation, a) != ValueOf(**generation, b) ||
            (*generation)->number < last) {
          ++torn;
        }
        last = (*generation)->number;
      }
    });
  }
  for (int t = 0; t < 3; ++t) threads[t].join();
  done = true;
  for (size_t t = 3; t < threads.size(); ++t) threads[t].join();
  EXPECT_EQ(torn, 0);
}

}  // namespace
}  // namespace metagraph
