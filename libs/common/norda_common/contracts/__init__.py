"""The published contract: topics, envelope, event data, and the documents generated from them.

Adding an event: a change name in its topic (here), a use case that appends it, a consumer, a flow test.
"""
