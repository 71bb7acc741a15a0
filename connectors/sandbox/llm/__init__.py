"""Model providers.

The protocols of Anthropic, OpenAI and Azure OpenAI in front of one small, honest classifier.
"""
