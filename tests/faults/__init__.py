"""What must survive kill -9, lost connections and wrong clocks."""
