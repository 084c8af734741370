#include "host/worker/sdk_host/training_request.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "host/worker/sdk_host/sdk_error.hpp"
#include "host/worker/sdk_host/training_inputs.hpp"

namespace dream::worker {
namespace {

using nlohmann::json;

TemplateSchema schema_of(dream_training_kind kind) {
  TemplateSchema schema;
  for (auto& input : training_inputs(kind)) schema.add(std::move(input));  // lints
  schema.set_training(kind);
  return schema;
}

std::string names_of(dream_training_kind kind) {
  std::string names;
  for (const InputSpec& input : training_inputs(kind)) names += input.name + " ";
  return names;
}

class TrainingRequestTest : public testing::Test {
 protected:
  dream_run& run(json input, dream_training_kind kind = DREAM_TRAIN_MODEL) {
    schema_ = schema_of(kind);
    input.emplace("instance_prompt", "a photo of sks dog");
    input.emplace("class_prompt", "a photo of a dog");
    input.emplace("instance_data", "/tmp/dogs.zip");
    run_ = std::make_unique<dream_run>(
        schema_, RunRequest{"p", "t", std::move(input), "/tmp/none"}, [](const json&) {},
        canceled_);
    return *run_;
  }
  engine::TrainRequest request(json input, dream_training_kind kind = DREAM_TRAIN_MODEL) {
    return training_request(run(std::move(input), kind));
  }

  TemplateSchema schema_;
  std::atomic<bool> canceled_{false};
  std::unique_ptr<dream_run> run_;
};

TEST(TrainingInputs, stand_in_the_order_clients_know) {
  EXPECT_EQ(names_of(DREAM_TRAIN_MODEL),
            "instance_prompt class_prompt instance_data class_data num_class_images "
            "save_sample_prompt save_sample_negative_prompt n_save_sample save_guidance_scale "
            "save_infer_steps pad_tokens with_prior_preservation prior_loss_weight seed resolution "
            "center_crop train_text_encoder train_batch_size sample_batch_size num_train_epochs "
            "max_train_steps gradient_accumulation_steps gradient_checkpointing learning_rate "
            "scale_lr lr_scheduler lr_warmup_steps use_8bit_adam adam_beta1 adam_beta2 "
            "adam_weight_decay adam_epsilon max_grad_norm ckpt_base lr_num_cycles lr_power hflip "
            "snr_gamma offset_noise use_ema ema_decay weights_format mixed_precision "
            "checkpointing_steps checkpoints_total_limit resume_from_checkpoint sample_steps ");
  const std::string lora = names_of(DREAM_TRAIN_LORA);
  EXPECT_NE(lora.find("rank lora_alpha lora_dropout use_dora unet_targets text_encoder_targets "),
            std::string::npos)
      << lora;
  for (const char* other : {"use_8bit_adam", "use_ema", "ema_decay", "weights_format"})
    EXPECT_EQ(lora.find(other), std::string::npos) << other;
}

TEST(TrainingInputs, ask_for_prompts_and_pictures_alone) {
  for (const auto kind : {DREAM_TRAIN_MODEL, DREAM_TRAIN_LORA}) {
    std::string required;
    const TemplateSchema schema = schema_of(kind);
    for (const InputSpec& input : schema.inputs())
      if (input.required()) required += input.name + " ";
    EXPECT_EQ(required, "instance_prompt class_prompt instance_data ");
  }
}

// A client that sends nothing else gets what Replicate's trainer did.
TEST_F(TrainingRequestTest, defaults_are_those_of_the_engine) {
  const engine::TrainRequest made = request({}), fresh;
  EXPECT_EQ(made.instance_prompt, "a photo of sks dog");
  EXPECT_EQ(made.class_prompt, "a photo of a dog");
  EXPECT_EQ(made.with_prior_preservation, fresh.with_prior_preservation);
  EXPECT_EQ(made.num_class_images, 50);
  EXPECT_EQ(made.sample_batch_size, 4);
  EXPECT_EQ(made.resolution, 0);
  EXPECT_EQ(made.max_train_steps, 2000);
  EXPECT_EQ(made.learning_rate, 1e-6);
  EXPECT_EQ(made.lr_scheduler, "constant");
  EXPECT_EQ(made.adam_beta1, fresh.adam_beta1);
  EXPECT_EQ(made.adam_beta2, fresh.adam_beta2);
  EXPECT_EQ(made.adam_weight_decay, fresh.adam_weight_decay);
  EXPECT_EQ(made.adam_epsilon, fresh.adam_epsilon);
  EXPECT_EQ(made.max_grad_norm, fresh.max_grad_norm);
  EXPECT_EQ(made.seed, 1337);
  EXPECT_EQ(made.snr_gamma, std::nullopt);
  EXPECT_EQ(made.save_sample_prompt, "");
  EXPECT_EQ(made.weights_format, "bin");
  EXPECT_EQ(made.mixed_precision, fresh.mixed_precision);
  EXPECT_EQ(made.checkpointing_steps, fresh.checkpointing_steps);
  EXPECT_TRUE(made.resume);
  EXPECT_FALSE(made.lora);
}

TEST_F(TrainingRequestTest, carries_each_value) {
  const auto made = request({{"prior_loss_weight", 0.5},
                             {"resolution", 256},
                             {"max_train_steps", 7},
                             {"learning_rate", 1e-4},
                             {"lr_scheduler", "cosine_with_restarts"},
                             {"lr_warmup_steps", 3},
                             {"lr_num_cycles", 2},
                             {"snr_gamma", 5},
                             {"offset_noise", 0.1},
                             {"max_grad_norm", 0},
                             {"use_ema", true},
                             {"hflip", true},
                             {"pad_tokens", true},
                             {"save_sample_prompt", "a dog"},
                             {"sample_steps", 5},
                             {"weights_format", "both"},
                             {"resume_from_checkpoint", "none"}});
  EXPECT_EQ(made.prior_loss_weight, 0.5);
  EXPECT_EQ(made.resolution, 256);
  EXPECT_EQ(made.max_train_steps, 7);
  EXPECT_EQ(made.learning_rate, 1e-4);
  EXPECT_EQ(made.lr_scheduler, "cosine_with_restarts");
  EXPECT_EQ(made.lr_warmup_steps, 3);
  EXPECT_EQ(made.lr_num_cycles, 2);
  EXPECT_EQ(made.snr_gamma, 5.0);
  EXPECT_EQ(made.offset_noise, 0.1);
  EXPECT_EQ(made.max_grad_norm, 0);
  EXPECT_TRUE(made.use_ema && made.hflip && made.pad_tokens);
  EXPECT_EQ(made.sample_steps, 5);
  EXPECT_EQ(made.weights_format, "both");
  EXPECT_FALSE(made.resume);
}

TEST_F(TrainingRequestTest, a_lora_has_its_own_defaults) {
  const auto made = request({}, DREAM_TRAIN_LORA);
  ASSERT_TRUE(made.lora);
  EXPECT_EQ(made.learning_rate, 5e-4);
  EXPECT_EQ(made.lora->rank, 4);
  EXPECT_EQ(made.lora->alpha, 4);
  EXPECT_EQ(made.lora->unet_targets, engine::LoraTraining().unet_targets);
  const auto other =
      request({{"rank", 16}, {"use_dora", true}, {"unet_targets", {"to_v"}}}, DREAM_TRAIN_LORA);
  EXPECT_EQ(other.lora->alpha, 16);  // adds at full strength whatever the rank
  EXPECT_TRUE(other.lora->dora);
  EXPECT_EQ(other.lora->unet_targets, std::vector<std::string>{"to_v"});
  EXPECT_EQ(request({{"rank", 16}, {"lora_alpha", 8}}, DREAM_TRAIN_LORA).lora->alpha, 8);
}

TEST_F(TrainingRequestTest, samples_on_the_way_need_a_prompt) {
  EXPECT_THROW(request({{"sample_steps", 5}}), SdkError);
}

TEST_F(TrainingRequestTest, epochs_become_steps) {
  engine::TrainRequest made = request({{"num_class_images", 10}});
  made.instance_pictures.resize(7);
  EXPECT_EQ(steps_of_epochs(made, 2), 20);  // the class's pictures are more
  made.with_prior_preservation = false;
  EXPECT_EQ(steps_of_epochs(made, 2), 14);
  made.train_batch_size = 2;
  EXPECT_EQ(steps_of_epochs(made, 1), 4);
  made.gradient_accumulation_steps = 3;
  EXPECT_EQ(steps_of_epochs(made, 3), 6);
}

TEST_F(TrainingRequestTest, arguments_tell_what_counted) {
  dream_run& ran = run({{"max_train_steps", 0}, {"ckpt_base", "/models/sd-1.5/"}});
  engine::TrainRequest made = training_request(ran);
  made.max_train_steps = 12;
  made.resolution = 512;
  const auto arguments = training_arguments(ran, made);
  EXPECT_EQ(arguments["instance_prompt"], "a photo of sks dog");
  EXPECT_EQ(arguments["instance_data"], "dogs.zip");  // its path is nobody's business
  EXPECT_EQ(arguments["ckpt_base"], "sd-1.5");
  EXPECT_EQ(arguments["class_data"], nullptr);
  EXPECT_EQ(arguments["max_train_steps"], 12);
  EXPECT_EQ(arguments["resolution"], 512);
  EXPECT_EQ(arguments["learning_rate"], 1e-6);
  EXPECT_EQ(arguments.size(), schema_.inputs().size());
}

}  // namespace
}  // namespace dream::worker
