"""Read models: tables over all learners kept beside the log, and documents folded from one learner's own facts."""
